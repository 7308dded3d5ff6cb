package conformance

import (
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// needProgram skips where a program isn't installed, and returns its path.
// Debian's own comes before others in PATH, which may be wrappers.
func needProgram(t testing.TB, name string) string {
	t.Helper()
	for _, candidate := range []string{"/usr/bin/" + name, "/bin/" + name, name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	t.Skipf("%s is not installed", name)
	return ""
}

// What users run, in a container of 192 MiB with one CPU.
func TestPrograms(t *testing.T) {
	one := func(pattern string) func(string) bool { return regexp.MustCompile(pattern).MatchString }
	for _, test := range []struct {
		argv []string
		ok   func(stdout string) bool
	}{
		{[]string{"free", "-m"}, one(`(?m)^Mem: +192 `)},
		{[]string{"getconf", "_NPROCESSORS_ONLN"}, one(`^1\n$`)},
		{[]string{"lscpu"}, one(`(?m)^CPU\(s\): +1\n(.*\n)*On-line CPU\(s\) list: +\d+$`)},
		{[]string{"uptime", "-p"}, one(`^up 0 minutes\n$`)},
		{[]string{"vmstat", "-s"}, one(`(?m)^ +196608 K total memory$`)},
		{[]string{"python3", "-c", "import os; print(os.cpu_count())"}, one(`^1\n$`)},
	} {
		t.Run(strings.Join(test.argv[:min(2, len(test.argv))], " "), func(t *testing.T) {
			program := needProgram(t, test.argv[0])
			c := startContainer(t, limits{memoryMiB: 192, cpuMilli: 1000})
			if got := c.run(t, append([]string{program}, test.argv[1:]...)...); !test.ok(got) {
				t.Errorf("%q prints\n%s", test.argv, got)
			}
		})
	}
}

var topCPU = regexp.MustCompile(`(?m)^%Cpu\(s\):.*?([0-9.]+) id,`)

// top's summary of a container that burns all it may have.
func TestTopShowsBusy(t *testing.T) {
	top := needProgram(t, "top")
	c := startContainer(t, limits{memoryMiB: 192, cpuMilli: 1000})
	c.burn(t, 2)
	for range 2 {
		// A little longer than what top compares: only a share near 100 says
		// anything about top's. TestBusy is the exact test.
		used, start := c.group.usedCPU(t), time.Now()
		out := c.run(t, top, "-b", "-n2", "-d2")
		share := 100 * (c.group.usedCPU(t) - used).Seconds() / time.Since(start).Seconds()
		idles := topCPU.FindAllStringSubmatch(out, -1)
		if len(idles) != 2 {
			t.Fatalf("top prints\n%s", out)
		}
		idle, err := strconv.ParseFloat(idles[1][1], 64)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("top shows %.1f %% idle, %.1f %% of the limit was used", idle, share)
		if share < 97 {
			continue // others kept the machine too busy
		}
		if idle > 5 {
			t.Errorf("top shows %.1f %% idle when %.1f %% of the limit was used", idle, share)
		}
		return
	}
}
