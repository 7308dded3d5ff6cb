package procfile

import (
	"strconv"
	"strings"
	"testing"

	"github.com/podview/podview/daemon/internal/view"
)

func TestStat(t *testing.T) {
	const host = "cpu  45352 1 24423 1348076 566 2 502 3 4 5\n" +
		"cpu0 22736 0 12086 674165 88 0 235 0 0 0\ncpu1 22616 0 12337 673911 477 0 267 0 0 0\n" +
		"intr 2371819 0 9\nctxt 6081277\nbtime 1795368583\nprocesses 25606\nprocs_running 5\nprocs_blocked 8\n" +
		"softirq 559495 0 100264\ncpuidle_of_the_future 7\n"
	c := container()
	c.Times = []view.CPUTimes{
		{UserNsec: 1_239_999_999, SystemNsec: 25_000_000, IdleNsec: 3_000_000_000},
		{UserNsec: 9_999_999, SystemNsec: 10_000_000, IdleNsec: 19_999_999},
		{},
	}
	c.CPUs.Shown = []int{0, 3, 7}
	c.Before = view.HostCounters{Interrupts: 2371810, ContextSwitches: 6081277, Forks: 6, SoftIRQs: 559496}
	const want = "cpu  123 0 3 301 0 0 0 0 0 0\n" +
		"cpu0 123 0 2 300 0 0 0 0 0 0\ncpu3 0 0 1 1 0 0 0 0 0 0\ncpu7 0 0 0 0 0 0 0 0 0 0\n" +
		"intr 9 0 9\nctxt 0\nbtime 1795368583\nprocesses 25600\nprocs_running 2\nprocs_blocked 1\n" +
		"softirq 0 0 100264\ncpuidle_of_the_future 7\n"
	if out := mustAppend(t, &stat, host, c); out != want {
		t.Errorf("got\n%swant\n%s", out, want)
	}
}

// Linux 2.6.32 has 9 columns.
func TestStatColumnsAreTheHosts(t *testing.T) {
	out := mustAppend(t, &stat, "cpu  1 2 3 4 5 6 7 8 9\ncpu0 1 2 3 4 5 6 7 8 9\n", container())
	const want = "cpu  123 0 2 300 0 0 0 0 0\ncpu1 123 0 2 300 0 0 0 0 0\n"
	if out != want {
		t.Errorf("got\n%swant\n%s", out, want)
	}
}

// The load of a container that nobody asks for is not sampled.
func TestStatReaderItselfRuns(t *testing.T) {
	c := container()
	c.Load = view.Load{}
	if out := mustAppend(t, &stat, string(recorded(t, statPath)), c); !strings.Contains(out, "\nprocs_running 1\n") {
		t.Errorf("without a load:\n%s", out)
	}
}

// What one file calls idle, the other does too, at any rounding.
func TestUptimeIdleIsThatOfStat(t *testing.T) {
	c := container()
	for i := range 7 {
		c.Times = append(c.Times, view.CPUTimes{IdleNsec: uint64(i)*1_000_000_007 + 9_999_999})
		c.CPUs.Shown = append(c.CPUs.Shown, 2+i)
	}
	idle := strings.Fields(mustAppend(t, &uptime, "", c))[1]
	ticks := strings.Fields(mustAppend(t, &stat, string(recorded(t, statPath)), c))[4]
	if strings.Replace(idle, ".", "", 1) != ticks {
		t.Errorf("uptime says %s s idle, stat %s ticks", idle, ticks)
	}
}

func TestUptime(t *testing.T) {
	years := uint64(400 * 365 * 86400 * 1e9)
	for want, c := range map[string]view.Container{
		"12.34 3.00\n": {UptimeNsec: 12_345_678_901, Times: []view.CPUTimes{{IdleNsec: 3e9}}},
		"0.00 0.09\n":  {UptimeNsec: 9_999_999, Times: []view.CPUTimes{{IdleNsec: 5e7}, {IdleNsec: 4e7}}},
		// Together more nanoseconds than an uint64 holds.
		strconv.Itoa(400*365*86400) + ".00 " + strconv.Itoa(800*365*86400) + ".00\n": {
			UptimeNsec: years, Times: []view.CPUTimes{{IdleNsec: years}, {IdleNsec: years}}},
	} {
		if out := mustAppend(t, &uptime, "", &c); out != want {
			t.Errorf("got %q, want %q", out, want)
		}
	}
}
