// Package summary picks the figures people look for out of /proc's texts.
package summary

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Files is the texts of one reading.
type Files struct{ stat, meminfo, uptime, loadavg []byte }

// Row is one figure, ready to print.
type Row struct{ Name, Value string }

// Read reads the files by their paths in /proc.
func Read(read func(path string) ([]byte, error)) (f Files, err error) {
	for path, text := range map[string]*[]byte{
		"/proc/stat": &f.stat, "/proc/meminfo": &f.meminfo,
		"/proc/uptime": &f.uptime, "/proc/loadavg": &f.loadavg,
	} {
		if *text, err = read(path); err != nil {
			return f, err
		}
	}
	return f, nil
}

// Rows compares two readings: CPU usage is of the time between them, the rest
// of the second.
func Rows(before, after Files) []Row {
	total, available := after.meminfoKB("MemTotal"), after.meminfoKB("MemAvailable")
	swap, swapFree := after.meminfoKB("SwapTotal"), after.meminfoKB("SwapFree")
	return []Row{
		{"CPUs", strconv.Itoa(after.cpus())},
		{"CPU busy", busyPercent(before, after)},
		{"memory total", mib(total)},
		{"memory used", mib(total - available)},
		{"memory available", mib(available)},
		{"swap total", mib(swap)},
		{"swap used", mib(swap - swapFree)},
		{"uptime", after.uptimeText()},
		{"load average", after.load()},
	}
}

func (f Files) cpus() (n int) {
	for line := range bytes.Lines(f.stat) {
		if name, _, _ := bytes.Cut(line, []byte(" ")); len(name) > 3 && bytes.HasPrefix(name, []byte("cpu")) {
			n++
		}
	}
	return n
}

// cpuTicks returns the first line's sum, and how much of it was idle.
func (f Files) cpuTicks() (total, idle uint64) {
	line, _, _ := bytes.Cut(f.stat, []byte("\n"))
	for i, field := range strings.Fields(string(line)) {
		n, err := strconv.ParseUint(field, 10, 64)
		const idleColumn, iowaitColumn, guestColumn = 4, 5, 9
		if err != nil || i >= guestColumn { // guest time is in user time already
			continue
		}
		total += n
		if i == idleColumn || i == iowaitColumn {
			idle += n
		}
	}
	return total, idle
}

func busyPercent(before, after Files) string {
	total0, idle0 := before.cpuTicks()
	total1, idle1 := after.cpuTicks()
	if total1 <= total0 {
		return "-"
	}
	busy := float64(total1-total0) - float64(idle1-idle0)
	return fmt.Sprintf("%.0f %%", 100*busy/float64(total1-total0))
}

func (f Files) meminfoKB(name string) int64 {
	for line := range bytes.Lines(f.meminfo) {
		key, value, _ := strings.Cut(string(line), ":")
		if key == name {
			kB, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kB
		}
	}
	return 0
}

func mib(kB int64) string { return fmt.Sprintf("%.1f MiB", float64(kB)/1024) }

func (f Files) uptimeText() string {
	first, _, _ := strings.Cut(string(f.uptime), " ")
	seconds, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return "-"
	}
	return time.Duration(seconds * float64(time.Second)).Round(time.Second).String()
}

func (f Files) load() string {
	fields := strings.Fields(string(f.loadavg))
	return strings.Join(fields[:min(3, len(fields))], " ")
}
