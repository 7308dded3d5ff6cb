package conformance

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

var loadavgLine = regexp.MustCompile(`^([0-9]+\.[0-9]{2}) ([0-9]+\.[0-9]{2}) ([0-9]+\.[0-9]{2}) ([0-9]+)/([0-9]+) ([0-9]+)\n$`)

var loadavgChecks = map[string]check{
	"five fields": func(t *testing.T, p *process) {
		l := p.loadavg(t)
		if l.running > l.threads || l.threads < 1 || l.lastPID < 1 {
			t.Errorf("%+v", l)
		}
	},
}

// load is /proc/loadavg.
type load struct {
	oneMinute                 float64
	running, threads, lastPID int
}

func (p *process) loadavg(t testing.TB) load {
	t.Helper()
	text := p.read(t, "/proc/loadavg")
	parts := loadavgLine.FindStringSubmatch(text)
	if parts == nil {
		t.Fatalf("loadavg: not the kernel's format: %q", text)
	}
	one, err := strconv.ParseFloat(parts[1], 64)
	if err != nil {
		t.Fatalf("loadavg %q: %v", text, err)
	}
	return load{one, int(number(t, parts[4])), int(number(t, parts[5])), int(number(t, parts[6]))}
}

// Load is sampled every 5 s from the first read on, as the kernel does.
func TestLoadIsTheContainers(t *testing.T) {
	burner, sleeper := startContainer(t, limits{cpuMilli: 1000}), startContainer(t, limits{})
	burner.loadavg(t)
	sleeper.loadavg(t)
	burner.burn(t, 2)
	var most float64
	mostRunning, leastAsleep := 0, 1<<20
	for deadline := time.Now().Add(30 * time.Second); most < 0.10 && time.Now().Before(deadline); {
		time.Sleep(500 * time.Millisecond)
		b, l := burner.loadavg(t), sleeper.loadavg(t)
		most, mostRunning, leastAsleep = b.oneMinute, max(mostRunning, b.running), min(leastAsleep, l.running)
		if l.oneMinute > 0.05 {
			t.Fatalf("a sleeping container has a load of %.2f while another burns", l.oneMinute)
		}
	}
	if most < 0.10 {
		t.Errorf("two threads have burned for 30 s, the load is %.2f", most)
	}
	if mostRunning < 2 || leastAsleep > 1 {
		t.Errorf("at most %d run where two burn, at least %d where all sleep", mostRunning, leastAsleep)
	}
}

func TestLoadCountsTheContainersThreads(t *testing.T) {
	c := startContainer(t, limits{})
	c.burn(t, 2)
	// Threads come and go in between; one of some reads must be right.
	for range 20 {
		before := threadsOf(t, c.pid)
		l := c.loadavg(t)
		after := threadsOf(t, c.pid)
		if l.threads >= min(before, after) && l.threads <= max(before, after) {
			if l.lastPID > 1000 {
				t.Errorf("last pid %d in a new pid namespace", l.lastPID)
			}
			return
		}
	}
	t.Errorf("loadavg says %+v, the container has %d threads", c.loadavg(t), threadsOf(t, c.pid))
}

func threadsOf(t testing.TB, pid int) int {
	t.Helper()
	tasks, err := os.ReadDir(strings.Join([]string{"/proc", strconv.Itoa(pid), "task"}, "/"))
	if err != nil {
		t.Fatal(err)
	}
	return len(tasks)
}
