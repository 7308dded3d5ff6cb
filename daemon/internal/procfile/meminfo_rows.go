package procfile

import (
	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/view"
)

// kB is the kernel's: 1024 bytes. Sums are made of kB, so that they add up
// as printed and cannot overflow.
const kB = 1024

// meminfoRow is one line of /proc/meminfo.
type meminfoRow struct {
	name string
	// when says which limit makes the line the container's.
	when limit
	kB   func(*view.Memory, hostMeminfo) uint64 // nil for never
	// For docs/view.md.
	v1, v2, formula string
}

// limit is what has to be set for a line to be the container's own.
type limit int

const (
	never limit = iota
	memoryLimit
	swapLimit
)

func (r *meminfoRow) applies(m *view.Memory) bool {
	return r.when == memoryLimit && m.Limited || r.when == swapLimit && m.SwapLimited
}

type memoryStat = cgroup.MemoryStat

// ofStat is a line that is one figure of memory.stat. v1 is "" where v1 has
// no such figure.
func ofStat(name, v1, v2 string, bytes func(*memoryStat) uint64) meminfoRow {
	row := meminfoRow{name: name, when: memoryLimit, v2: "memory.stat " + v2, formula: "the figure",
		kB: func(m *view.Memory, _ hostMeminfo) uint64 { return bytes(&m.Stat) / kB }}
	if v1 != "" {
		row.v1 = "memory.stat total_" + v1
	}
	return row
}

// ofMemory is a line that is worked out.
func ofMemory(name, v1, v2, formula string, valueKB func(*view.Memory, hostMeminfo) uint64) meminfoRow {
	return meminfoRow{name: name, when: memoryLimit, v1: v1, v2: v2, formula: formula, kB: valueKB}
}

func ofSwap(name, v1, v2, formula string, bytes func(*view.Memory) uint64) meminfoRow {
	return meminfoRow{name: name, when: swapLimit, v1: v1, v2: v2, formula: formula,
		kB: func(m *view.Memory, _ hostMeminfo) uint64 { return bytes(m) / kB }}
}

// zero is a line of which a container has none; why says so.
func zero(name, why string) meminfoRow {
	return meminfoRow{name: name, when: memoryLimit, formula: "0: " + why,
		kB: func(*view.Memory, hostMeminfo) uint64 { return 0 }}
}

// ofHost is a line that stays the host's; why says so.
func ofHost(name, why string) meminfoRow {
	return meminfoRow{name: name, formula: "the host's: " + why}
}

func meminfoFields(rows []meminfoRow) []Field {
	noLimit := [...]string{
		never:       "the host's",
		memoryLimit: "the host's",
		swapLimit:   "the host's; the limit that counts is that of swap",
	}
	fields := make([]Field, len(rows))
	for i, r := range rows {
		fields[i] = Field{Name: r.name, V1: r.v1, V2: r.v2, Formula: r.formula, NoLimit: noLimit[r.when]}
	}
	return fields
}
