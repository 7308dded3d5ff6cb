// Package report turns what the bench measured into medians, ratios, a
// verdict on each target, and documents. It does no I/O.
package report

import (
	"slices"

	"github.com/podview/podview/conformance/bench/latency"
)

// The servers that are measured. Native is the kernel's own files.
const (
	Native  = "native"
	Null    = "null"
	Podview = "podview"
	Lxcfs   = "lxcfs"
)

// Result is all of a run: bench.json.
type Result struct {
	Machine Machine  `json:"machine"`
	Servers []string `json:"servers"`
	Rows    []Row    `json:"rows"`
	Many    *Many    `json:"many,omitempty"`
	Targets []Target `json:"targets"`
}

// Machine is where and when.
type Machine struct {
	Date       string            `json:"date"`
	Kernel     string            `json:"kernel"`
	CPU        string            `json:"cpu"`
	CPUs       int               `json:"cpus"`
	MemoryGiB  int               `json:"memoryGiB"`
	Cgroup     string            `json:"cgroup"`
	LoadBefore string            `json:"loadBefore"`
	LoadAfter  string            `json:"loadAfter"`
	Versions   map[string]string `json:"versions"`
	Rounds     int               `json:"rounds"`
	SliceMsec  int               `json:"sliceMsec"`
	Seconds    int               `json:"seconds"` // the whole run's
}

// Cell is one line of the table: who reads what, and how.
type Cell struct {
	Containers int    `json:"containers"`
	Way        string `json:"way"`
	Readers    int    `json:"readers"`
	File       string `json:"file"`
}

// Row is a cell's medians over all rounds, by server.
type Row struct {
	Cell
	Figures map[string]Figures `json:"figures"`
	// ToLxcfs and ToNull are podview's figures divided by theirs.
	ToLxcfs *Ratios `json:"podviewToLxcfs,omitempty"`
	ToNull  *Ratios `json:"podviewToNull,omitempty"`
}

// Figures are one server's in one cell. Native has no CPUUsec and no RSSBytes:
// the reader pays for everything.
type Figures struct {
	Ops       int     `json:"ops"` // of all rounds
	OpsPerSec float64 `json:"opsPerSec"`
	P50Usec   float64 `json:"p50Usec"`
	P99Usec   float64 `json:"p99Usec"`
	CPUUsec   float64 `json:"serverCpuUsecPerOp"`
	RSSBytes  float64 `json:"serverRssBytes"`
}

// Ratios are dimensionless; below 1 is less.
type Ratios struct {
	OpsPerSec float64 `json:"opsPerSec"`
	P50       float64 `json:"p50"`
	CPU       float64 `json:"serverCpu"`
}

// Sample is one server's slice of one round.
type Sample struct {
	Latency    latency.Histogram
	Ops        int
	Readers    int
	ThreadNsec int64 // of all readers, added up
	CPUNsec    int64 // the server's
	RSSBytes   int64 // the server's, at the end
}

// Median makes the figures of all rounds.
func Median(rounds []*Sample) Figures {
	total := 0
	of := func(value func(*Sample) float64) float64 {
		var all []float64
		for _, s := range rounds {
			if s.Ops > 0 && s.ThreadNsec > 0 {
				all = append(all, value(s))
			}
		}
		return median(all)
	}
	for _, s := range rounds {
		total += s.Ops
	}
	const nsecPerUsec = 1e3
	return Figures{
		Ops: total,
		// Each reader is in a read all the time: what the bench does between
		// two bursts is not in ThreadNsec.
		OpsPerSec: of(func(s *Sample) float64 { return float64(s.Readers) * float64(s.Ops) / (float64(s.ThreadNsec) / 1e9) }),
		P50Usec:   of(func(s *Sample) float64 { return s.Latency.Quantile(0.5) / nsecPerUsec }),
		P99Usec:   of(func(s *Sample) float64 { return s.Latency.Quantile(0.99) / nsecPerUsec }),
		CPUUsec:   of(func(s *Sample) float64 { return float64(s.CPUNsec) / float64(s.Ops) / nsecPerUsec }),
		RSSBytes:  of(func(s *Sample) float64 { return float64(s.RSSBytes) }),
	}
}

func median(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}

// NewRow compares podview's figures with the others'.
func NewRow(c Cell, figures map[string]Figures) Row {
	r := Row{Cell: c, Figures: figures}
	ours, ok := figures[Podview]
	if !ok {
		return r
	}
	to := func(name string) *Ratios {
		theirs, ok := figures[name]
		if !ok {
			return nil
		}
		return &Ratios{
			OpsPerSec: ratio(ours.OpsPerSec, theirs.OpsPerSec),
			P50:       ratio(ours.P50Usec, theirs.P50Usec),
			CPU:       ratio(ours.CPUUsec, theirs.CPUUsec),
		}
	}
	r.ToLxcfs, r.ToNull = to(Lxcfs), to(Null)
	return r
}

// ratio is 0 where there is nothing to divide by: no figure is.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}
