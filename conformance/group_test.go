package conformance

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// limits are those of one cgroup. The zero value sets none.
type limits struct {
	memoryMiB int
	swapMiB   int // swap alone; needs memoryMiB; -1 is none at all
	cpuMilli  int
	cpuset    string
}

// group is one cgroup, of the same path in every hierarchy.
type group struct{ path string }

const cpuPeriodUsec = 100000

// newGroup makes the cgroup at name, below this run's own, and its parents.
// The test's end removes it.
func newGroup(t testing.TB, name string, l limits) *group {
	t.Helper()
	h, err := machine()
	if err != nil {
		t.Fatal(err)
	}
	g := &group{path: path.Join("/", topName(), name)}
	for _, dir := range h.all {
		if err := makeGroup(h, dir, g.path); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { g.remove(t, h) })
	g.set(t, l)
	return g
}

func writeFile(file, text string) error {
	return os.WriteFile(file, []byte(text), 0)
}

// set writes the limits; those that are zero are taken away.
func (g *group) set(t testing.TB, l limits) {
	t.Helper()
	h, err := machine()
	if err != nil {
		t.Fatal(err)
	}
	cpus := l.cpuset
	if cpus == "" && strings.TrimSpace(g.read(t, "cpuset", "cpuset.cpus")) != "" {
		// One that has processes can't be emptied again.
		file := "cpuset.cpus"
		if h.v2() {
			file = "cpuset.cpus.effective"
		}
		cpus = strings.TrimSpace(g.parent().read(t, "cpuset", file))
	}
	if cpus != "" {
		g.write(t, "cpuset", "cpuset.cpus", cpus)
	}
	if h.v2() {
		g.write(t, "memory", "memory.max", orMax(l.memoryMiB<<20))
		g.write(t, "cpu", "cpu.max", orMax(l.cpuMilli*cpuPeriodUsec/1000)+" "+strconv.Itoa(cpuPeriodUsec))
		if l.swapMiB != 0 {
			g.write(t, "memory", "memory.swap.max", strconv.Itoa(max(l.swapMiB, 0)<<20))
		}
		return
	}
	quota, memory := -1, -1
	if l.cpuMilli > 0 {
		quota = l.cpuMilli * cpuPeriodUsec / 1000
	}
	if l.memoryMiB > 0 {
		memory = l.memoryMiB << 20
	}
	g.write(t, "cpu", "cpu.cfs_period_us", strconv.Itoa(cpuPeriodUsec))
	g.write(t, "cpu", "cpu.cfs_quota_us", strconv.Itoa(quota))
	g.write(t, "memory", "memory.limit_in_bytes", strconv.Itoa(memory))
	if l.swapMiB != 0 {
		g.write(t, "memory", "memory.memsw.limit_in_bytes", strconv.Itoa(memory+max(l.swapMiB, 0)<<20))
	}
}

func orMax(n int) string {
	if n == 0 {
		return "max"
	}
	return strconv.Itoa(n)
}

func (g *group) file(t testing.TB, controller, name string) string {
	t.Helper()
	h, err := machine()
	if err != nil {
		t.Fatal(err)
	}
	dir, ok := h.dir(controller)
	if !ok {
		t.Skipf("this machine has no %s controller", controller)
	}
	return filepath.Join(dir, g.path, name)
}

func (g *group) write(t testing.TB, controller, name, text string) {
	t.Helper()
	if err := writeFile(g.file(t, controller, name), text); err != nil {
		t.Fatalf("writing %q: %v", text, err)
	}
}

func (g *group) read(t testing.TB, controller, name string) string {
	t.Helper()
	text, err := os.ReadFile(g.file(t, controller, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (g *group) parent() *group { return &group{path: path.Dir(g.path)} }

// add moves a process into the cgroup of every hierarchy.
func (g *group) add(t testing.TB, pid int) {
	t.Helper()
	h, err := machine()
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range h.all {
		if err := writeFile(filepath.Join(dir, g.path, "cgroup.procs"), strconv.Itoa(pid)); err != nil {
			t.Fatalf("moving %d: %v", pid, err)
		}
	}
}

// usedCPU is the CPU time that the cgroup has used.
func (g *group) usedCPU(t testing.TB) time.Duration {
	t.Helper()
	if h, _ := machine(); !h.v2() {
		return time.Duration(number(t, strings.TrimSpace(g.read(t, "cpuacct", "cpuacct.usage"))))
	}
	for line := range strings.Lines(g.read(t, "cpu", "cpu.stat")) {
		if usec, ok := strings.CutPrefix(line, "usage_usec "); ok {
			return time.Duration(number(t, strings.TrimSpace(usec))) * time.Microsecond
		}
	}
	t.Fatalf("%s: no usage_usec", g.file(t, "cpu", "cpu.stat"))
	return 0
}

// remove waits for the kernel to let go of processes that were killed. The
// parents are shared with other tests; the last one out removes them.
func (g *group) remove(t testing.TB, h *hierarchies) {
	for _, mount := range h.all {
		var err error
		for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
			if err = os.Remove(filepath.Join(mount, g.path)); err == nil || errors.Is(err, fs.ErrNotExist) {
				err = nil
				break
			}
		}
		if err != nil {
			t.Errorf("left behind: %v", err)
		}
		for p := path.Dir(g.path); p != "/"; p = path.Dir(p) {
			_ = os.Remove(filepath.Join(mount, p))
		}
	}
}
