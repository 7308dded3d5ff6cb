package conformance

import (
	"os"
	"strings"
	"testing"
	"time"
)

var pressureFiles = []string{"/proc/pressure/cpu", "/proc/pressure/io", "/proc/pressure/memory"}

var pressureChecks = map[string]check{
	"the kernel's lines and averages": func(t *testing.T, p *process) {
		needPressure(t)
		for _, file := range pressureFiles {
			if got, want := shape(p.read(t, file)), shape(kernel().read(t, file)); got != want {
				t.Errorf("%s:\n%q, the kernel's is\n%q", file, got, want)
			}
		}
	},
}

func needPressure(t testing.TB) {
	t.Helper()
	if _, err := os.Stat("/proc/pressure"); err != nil {
		t.Skip("this kernel keeps no pressure figures (psi=1)")
	}
}

// TestPressureIsTheContainers: three threads on one CPU press; a container
// that sleeps meanwhile is not pressed.
func TestPressureIsTheContainers(t *testing.T) {
	needPressure(t)
	burner, sleeper := startContainer(t, limits{cpuset: "0"}), startContainer(t, limits{})
	burner.burn(t, 3)
	burned, slept := someTotal(t, burner.process), someTotal(t, sleeper.process)
	start := time.Now()
	time.Sleep(3 * time.Second)
	burned, slept = someTotal(t, burner.process)-burned, someTotal(t, sleeper.process)-slept
	elapsed := time.Since(start)
	if burned < elapsed/2 {
		t.Errorf("three threads on one CPU were pressed for %v of %v", burned, elapsed)
	}
	if slept > burned/2 {
		t.Errorf("a sleeping container was pressed for %v of %v", slept, elapsed)
	}
}

// someTotal is the time in which something waited for a CPU.
func someTotal(t testing.TB, p *process) time.Duration {
	t.Helper()
	line := lines(t, "pressure", p.read(t, "/proc/pressure/cpu"))[0]
	_, total, ok := strings.Cut(line, " total=")
	if !ok || !strings.HasPrefix(line, "some ") {
		t.Fatalf("pressure: %q", line)
	}
	return time.Duration(number(t, total)) * time.Microsecond
}
