package conformance

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

var statChecks = map[string]check{
	"the kernel's lines in its order": func(t *testing.T, p *process) {
		got, want := p.stat(t), kernel().stat(t)
		if !slices.Equal(got.keys, want.keys) {
			t.Errorf("lines %q, the kernel's are %q", got.keys, want.keys)
		}
		for i := 1; i < len(got.cpus); i++ {
			if got.cpus[i].number <= got.cpus[i-1].number {
				t.Errorf("cpu%d after cpu%d", got.cpus[i].number, got.cpus[i-1].number)
			}
		}
		if len(got.total) != len(want.total) {
			t.Errorf("cpu has %d figures, the kernel's %d", len(got.total), len(want.total))
		}
		for key, values := range want.other {
			if key != "intr" && len(got.other[key]) != len(values) {
				t.Errorf("%s has %d figures, the kernel's %d", key, len(got.other[key]), len(values))
			}
		}
	},
	"cpu is the sum of the cpuN": cpuIsSum,
	"counters never go back":     countersMonotonic,
	// ps adds start times to btime, so a container's start would be wrong.
	"btime is the host's": func(t *testing.T, p *process) {
		got, want := p.stat(t).other["btime"][0], kernel().stat(t).other["btime"][0]
		if d := int64(got - want); d < -1 || d > 1 {
			t.Errorf("btime %d, the host's is %d", got, want)
		}
	},
	"something runs": func(t *testing.T, p *process) {
		s := p.stat(t)
		if s.other["procs_running"][0] < 1 || s.other["processes"][0] < 1 {
			t.Errorf("procs_running %v, processes %v", s.other["procs_running"], s.other["processes"])
		}
	},
}

func cpuIsSum(t *testing.T, p *process) {
	s := p.stat(t)
	for column, total := range s.total {
		var sum uint64
		for _, cpu := range s.cpus {
			sum += cpu.ticks[column]
		}
		// The kernel rounds each figure down, and takes the total earlier.
		tolerance := int64(0)
		if p.kernel {
			tolerance = int64(len(s.cpus)) + 20
		}
		if d := int64(total - sum); d < -tolerance || d > tolerance {
			t.Errorf("column %d: cpu says %d, the cpuN add up to %d", column, total, sum)
		}
	}
}

func countersMonotonic(t *testing.T, p *process) {
	var series []statFile
	for range 10 {
		series = append(series, p.stat(t))
		time.Sleep(15 * time.Millisecond)
	}
	checkMonotonic(t, series, p.kernel)
}

// checkMonotonic: the kernel's own idle and iowait may go back a little
// (Documentation/filesystems/proc.rst); a view has no such excuse.
func checkMonotonic(t testing.TB, series []statFile, kernel bool) {
	t.Helper()
	last := map[int][]uint64{} // by the CPU's number: a limit may have taken it away meanwhile
	for i, is := range series {
		for _, cpu := range is.cpus {
			checkNotBack(t, fmt.Sprintf("cpu%d", cpu.number), last[cpu.number], cpu.ticks, kernel)
			last[cpu.number] = cpu.ticks
		}
		if i == 0 {
			continue
		}
		was := series[i-1]
		checkNotBack(t, "cpu", was.total, is.total, kernel)
		for _, key := range []string{"intr", "ctxt", "processes", "softirq"} {
			if is.other[key][0] < was.other[key][0] {
				t.Errorf("%s went from %d to %d", key, was.other[key][0], is.other[key][0])
			}
		}
	}
}

func checkNotBack(t testing.TB, name string, was, is []uint64, kernel bool) {
	t.Helper()
	for column := range min(len(was), len(is)) {
		tolerance := uint64(0)
		if kernel && (column == idle || column == iowait) {
			tolerance = 20
		}
		if is[column]+tolerance < was[column] {
			t.Errorf("%s column %d went from %d to %d", name, column, was[column], is[column])
		}
	}
}

// Counters must not go back while limits change, CPUs come and go, threads
// burn and others read at the same time.
func TestCountersSurviveLiveLimits(t *testing.T) {
	c := startContainer(t, limits{cpuMilli: 1000})
	c.burn(t, 1)
	done := make(chan [][][]byte)
	go func() {
		var seen [][][]byte
		_ = c.try("Hammer", Hammer{"/proc/stat", 2, 300, 5 * time.Second}, &seen)
		done <- seen
	}()
	var series []statFile
	for _, l := range []limits{
		{cpuMilli: 1000}, {cpuMilli: 2000}, {cpuMilli: 500}, {}, {cpuset: "0"}, {cpuset: "0-1"},
		{cpuset: "0-1", cpuMilli: 1000}, {cpuset: "1", cpuMilli: 500}, {cpuMilli: 2000},
	} {
		c.group.set(t, l)
		for range 3 {
			series = append(series, c.stat(t))
			time.Sleep(40 * time.Millisecond)
		}
	}
	checkMonotonic(t, series, false)
	seen := <-done
	if len(seen) != 2 {
		t.Fatalf("%d readers", len(seen))
	}
	for _, reader := range seen {
		var series []statFile
		for _, text := range reader {
			series = append(series, parseStat(t, string(text)))
		}
		checkMonotonic(t, series, false)
	}
}
