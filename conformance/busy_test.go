package conformance

import (
	"testing"
	"time"
)

// busyMark is a moment: what the view says, between two readings of what the
// kernel has charged the cgroup.
type busyMark struct {
	early, late         time.Time
	usedBefore, usedNow time.Duration
	stat                statFile
}

func (c *container) mark(t testing.TB) (m busyMark) {
	t.Helper()
	m.early, m.usedBefore = time.Now(), c.group.usedCPU(t)
	m.stat = c.stat(t)
	m.usedNow, m.late = c.group.usedCPU(t), time.Now()
	return m
}

// busyShare is what top would show between two marks, in percent, and what
// it must be at least and at most: usage over limit·elapsed. capacity is the
// limit in CPUs.
func busyShare(a, b busyMark, capacity float64) (shown, least, most float64) {
	used := float64(busy(b.stat.total) - busy(a.stat.total))
	rest := float64(b.stat.total[idle] - a.stat.total[idle] + b.stat.total[iowait] - a.stat.total[iowait])
	shown = 100 * used / max(used+rest, 1)
	least = 100 * (b.usedBefore - a.usedNow).Seconds() / (capacity * b.late.Sub(a.early).Seconds())
	most = 100 * (b.usedNow - a.usedBefore).Seconds() / (capacity * b.early.Sub(a.late).Seconds())
	return shown, min(least, 100), min(most, 100)
}

func TestBusy(t *testing.T) {
	for name, test := range map[string]struct {
		limits
		capacity float64
		threads  int
	}{
		"sleeping on 1 CPU":           {limits{cpuMilli: 1000}, 1, 0},
		"burning 1 CPU":               {limits{cpuMilli: 1000}, 1, 2},
		"burning half a CPU":          {limits{cpuMilli: 500}, 0.5, 1},
		"burning a cpuset of one":     {limits{cpuset: "0"}, 1, 1},
		"burning 1 of 2 CPUs":         {limits{cpuMilli: 2000, cpuset: "0-1"}, 2, 1},
		"burning 1.5 CPUs":            {limits{cpuMilli: 1500}, 1.5, 2},
		"burning one CPU of no limit": {limits{}, float64(len(kernel().cpuinfo(t))), 1},
	} {
		t.Run(name, func(t *testing.T) {
			c := startContainer(t, test.limits)
			c.stat(t) // counting may begin with the first read
			c.burn(t, test.threads)
			for attempt := 1; ; attempt++ {
				start := c.mark(t)
				time.Sleep(2 * time.Second)
				shown, least, most := busyShare(start, c.mark(t), test.capacity)
				t.Logf("shown %.1f %% busy, used %.1f to %.1f %% of the limit", shown, least, most)
				if shown < least-5 || shown > most+5 {
					t.Errorf("shown %.1f %% busy, used %.1f to %.1f %% of the limit", shown, least, most)
				}
				// Others may have kept the machine too busy to reach the limit.
				full := float64(test.threads) >= test.capacity
				if !full && test.threads > 0 || attempt == 2 {
					return
				}
				if full && least >= 97 {
					if shown < 95 {
						t.Errorf("shown %.1f %% busy when %.1f %% of the limit was used", shown, least)
					}
					return
				}
				if !full {
					if shown > max(2, most) {
						t.Errorf("shown %.1f %% busy when asleep", shown)
					}
					return
				}
			}
		})
	}
}

// A container's CPU time is its own, from its start.
func TestTimesStartWithTheContainer(t *testing.T) {
	c := startContainer(t, limits{cpuMilli: 1000})
	c.burn(t, 1)
	for range 2 {
		time.Sleep(700 * time.Millisecond)
		least := c.group.usedCPU(t)
		shown := time.Duration(busy(c.stat(t).total)) * 10 * time.Millisecond
		most := c.group.usedCPU(t)
		// Ticks are rounded down, per CPU and column.
		if shown < least-100*time.Millisecond || shown > most+100*time.Millisecond {
			t.Errorf("stat shows %v busy, the cgroup has used %v to %v", shown, least, most)
		}
	}
}
