package conformance

import (
	"regexp"
	"strconv"
	"testing"
	"time"
)

var uptimeChecks = map[string]check{
	"two numbers": func(t *testing.T, p *process) {
		if text := p.read(t, "/proc/uptime"); !regexp.MustCompile(`^[0-9]+\.[0-9]{2} [0-9]+\.[0-9]{2}\n$`).MatchString(text) {
			t.Errorf("%q", text)
		}
	},
	"grows with the clock": func(t *testing.T, p *process) {
		start := time.Now()
		first, _ := p.uptime(t)
		pause := time.Now()
		time.Sleep(150 * time.Millisecond)
		least := time.Since(pause).Seconds()
		second, _ := p.uptime(t)
		most := time.Since(start).Seconds()
		if d := second - first; d < least-0.02 || d > most+0.02 { // two roundings
			t.Errorf("uptime grew by %.2f s in %.2f to %.2f s", d, least, most)
		}
	},
	"idle is within uptime": func(t *testing.T, p *process) {
		up, idle := p.uptime(t)
		if n := float64(len(p.cpuinfo(t))); idle < 0 || idle > up*n+0.1*n {
			t.Errorf("idle %.2f s of %.2f s on %.0f CPUs", idle, up, n)
		}
	},
	"idle is that of stat": func(t *testing.T, p *process) {
		before := p.stat(t).total[idle]
		_, idleSeconds := p.uptime(t)
		after := p.stat(t).total[idle]
		// Each CPU's ticks are rounded down.
		rounding := 0.01 * float64(len(p.cpuinfo(t))+2)
		if p.kernel {
			rounding += 0.2 // its idle may go back, see checkMonotonic
		}
		if least, most := float64(before)/100, float64(after)/100; idleSeconds < least-rounding || idleSeconds > most+rounding {
			t.Errorf("uptime says idle %.2f s, stat %.2f to %.2f s", idleSeconds, least, most)
		}
	},
}

func (p *process) uptime(t testing.TB) (up, idle float64) {
	t.Helper()
	text := p.read(t, "/proc/uptime")
	words := regexp.MustCompile(`[ \n]`).Split(text, -1)
	if len(words) != 3 {
		t.Fatalf("uptime %q", text)
	}
	up, err1 := strconv.ParseFloat(words[0], 64)
	idle, err2 := strconv.ParseFloat(words[1], 64)
	if err1 != nil || err2 != nil {
		t.Fatalf("uptime %q", text)
	}
	return up, idle
}

func TestUptimeIsTheContainers(t *testing.T) {
	view := viewDir(t)
	name := podPath() + "/" + ctrName("c")
	for range 2 { // the second is a new container in a cgroup of the same name
		t.Run("container", func(t *testing.T) {
			g := newGroup(t, name, limits{memoryMiB: 128})
			before := time.Now()
			c := startIn(t, g, view)
			first, _ := c.uptime(t)
			age := time.Since(before).Seconds()
			// A start time is in ticks of 10 ms.
			if first > age+0.03 {
				t.Errorf("uptime %.2f s of a container at most %.2f s old", first, age)
			}
			time.Sleep(500 * time.Millisecond)
			if second, _ := c.uptime(t); second < first+0.45 {
				t.Errorf("uptime %.2f s, half a second later %.2f s", first, second)
			}
		})
	}
}
