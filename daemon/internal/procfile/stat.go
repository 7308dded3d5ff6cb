package procfile

import (
	"bytes"
	"strconv"

	"github.com/podview/podview/daemon/internal/view"
)

const statPath = "/proc/stat"

// nsecPerTick is a tick of USER_HZ, which is 100 everywhere podview runs.
const nsecPerTick = 1e9 / 100

var stat = File{
	Path:   statPath,
	Needs:  NeedTimes,
	Append: appendStat,
	Fields: []Field{
		{"cpu", "cpuacct.usage_all", "cpu.stat", "sums of the cpuN lines as printed", "the container's own"},
		{"cpuN", "cpuacct.usage_all", "cpu.stat user_usec, system_usec",
			"user, system: used by the container; idle: what its limit would have allowed on top. All others 0: cgroups do not count them (nice is part of user, irq and softirq of system)",
			"the container's own; the limit is then the CPUs it may run on"},
		{"intr", "", "", "the first figure, the sum: the host's since the container started, see below; the others, by interrupt, are the host's", "the same"},
		{"ctxt", "", "", "the host's since the container started: programs divide it by the uptime. What it was at the start is reckoned at the first read, as if the rate had been the same since boot", "the same"},
		{"btime", "", "", "the host's: ps adds a process's start time, which counts from the host's boot, to it", "the host's"},
		{"processes", "", "", "as ctxt", "the same"},
		{"procs_running", "cgroup.procs", "cgroup.procs", "the container's running threads, at least 1: the reader itself runs; counted while somebody reads /proc/loadavg, else 1", "the container's own"},
		{"procs_blocked", "cgroup.procs", "cgroup.procs", "the container's threads in uninterruptible sleep; counted while somebody reads /proc/loadavg, else 0", "the container's own"},
		{"softirq", "", "", "as intr", "the same"},
		{"any other line", "", "", "the host's", "the host's"},
	},
}

// appendStat replaces the cpu lines (fs/proc/stat.c show_stat) even where the
// container may use the whole machine: busy means its own work.
//
// The idle column is the lie: a cgroup has no idle time. It is what makes
// 100 % busy mean "at my limit".
func appendStat(dst, host []byte, c *view.Container) ([]byte, error) {
	if err := checkWhole(statPath, host); err != nil {
		return nil, err
	}
	if len(c.Times) == 0 || len(c.Times) != len(c.CPUs.Shown) {
		return nil, templateError(statPath, "no CPU times of the container", nil)
	}
	seenCPU := false
	for len(host) > 0 {
		var line []byte
		line, host = cutLine(host)
		name, values := cutField(line)
		switch {
		case string(name) == "cpu":
			columns := countFields(values)
			if columns < 4 || seenCPU {
				return nil, templateError(statPath, "not a line of CPU times", line)
			}
			seenCPU = true
			dst = appendCPULines(dst, c.CPUs.Shown, c.Times, columns)
		case isNumberedCPU(name):
		case string(name) == "procs_running":
			dst = appendStatLine(dst, name, max(1, c.Load.Running))
		case string(name) == "procs_blocked":
			dst = appendStatLine(dst, name, max(0, c.Load.Blocked))
		default:
			dst = appendSinceStart(dst, line, name, values, &c.Before)
		}
	}
	if !seenCPU {
		return nil, templateError(statPath, "no cpu line", nil)
	}
	return dst, nil
}

// hostCounter is where a line's counter of the machine's is kept; nil for
// other lines.
func hostCounter(c *view.HostCounters, name []byte) *uint64 {
	switch string(name) {
	case "intr":
		return &c.Interrupts
	case "ctxt":
		return &c.ContextSwitches
	case "processes":
		return &c.Forks
	case "softirq":
		return &c.SoftIRQs
	}
	return nil
}

// ParseHostCounters reads the host's /proc/stat. A line that is missing or bad
// counts nothing.
func ParseHostCounters(host []byte) (c view.HostCounters) {
	for len(host) > 0 {
		var line []byte
		line, host = cutLine(host)
		name, values := cutField(line)
		if counter := hostCounter(&c, name); counter != nil {
			first, _ := cutField(values)
			*counter, _ = parseUint(first)
		}
	}
	return c
}

// appendSinceStart takes off a counter what it was when the container started:
// vmstat's first line divides it by the uptime, which is the container's.
func appendSinceStart(dst, line, name, values []byte, before *view.HostCounters) []byte {
	counter := hostCounter(before, name)
	first, rest := cutField(values)
	total, ok := parseUint(first)
	if counter == nil || !ok {
		return append(dst, line...)
	}
	dst = append(append(dst, name...), ' ')
	dst = strconv.AppendUint(dst, subtract(total, *counter), 10)
	return append(dst, rest...)
}

func appendCPULines(dst []byte, cpus []int, times []view.CPUTimes, columns int) []byte {
	var user, system, idle uint64
	for _, t := range times {
		user += t.UserNsec / nsecPerTick
		system += t.SystemNsec / nsecPerTick
		idle += t.IdleNsec / nsecPerTick
	}
	dst = append(dst, "cpu "...) // and the second blank before the number
	dst = appendTicks(dst, user, system, idle, columns)
	for i, t := range times {
		dst = append(dst, "cpu"...)
		dst = strconv.AppendInt(dst, int64(cpus[i]), 10)
		dst = appendTicks(dst, t.UserNsec/nsecPerTick, t.SystemNsec/nsecPerTick, t.IdleNsec/nsecPerTick, columns)
	}
	return dst
}

// appendTicks prints as many columns as the host's kernel has: user nice
// system idle iowait irq softirq steal guest guest_nice.
func appendTicks(dst []byte, user, system, idle uint64, columns int) []byte {
	dst = append(dst, ' ')
	dst = strconv.AppendUint(dst, user, 10)
	dst = append(dst, " 0 "...)
	dst = strconv.AppendUint(dst, system, 10)
	dst = append(dst, ' ')
	dst = strconv.AppendUint(dst, idle, 10)
	for range columns - 4 {
		dst = append(dst, " 0"...)
	}
	return append(dst, '\n')
}

func appendStatLine(dst, name []byte, n int) []byte {
	dst = append(dst, name...)
	dst = append(dst, ' ')
	dst = strconv.AppendInt(dst, int64(n), 10)
	return append(dst, '\n')
}

func isNumberedCPU(name []byte) bool {
	number, ok := bytes.CutPrefix(name, []byte("cpu"))
	if !ok {
		return false
	}
	_, ok = parseUint(number)
	return ok
}

func countFields(text []byte) (n int) {
	for {
		var field []byte
		if field, text = cutField(text); len(field) == 0 {
			return n
		}
		n++
	}
}
