package pipeline

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/podview/podview/daemon/internal/cgroup/cgrouptest"
)

// kB reads a line of meminfo.
func kB(t *testing.T, p *Pipeline, tid int, name string) int {
	t.Helper()
	text, err := p.Read(nil, tid, "/proc/meminfo")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(text, []byte(name+":"))
	n, err := strconv.Atoi(strings.Fields(string(rest))[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// userTicks is the first figure of /proc/stat.
func userTicks(t *testing.T, p *Pipeline, tid int) int {
	t.Helper()
	text, err := p.Read(nil, tid, "/proc/stat")
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestLimitsShowAtOnce: however old a kept text may be, a limit is new.
func TestLimitsShowAtOnce(t *testing.T) {
	c := cgrouptest.Start(t, podPath(0), "exec sleep 1000")
	p := openMachine(t)
	p.MaxAge = time.Hour
	for _, mib := range []int{64, 128, 32} {
		c.LimitMemory(mib << 20)
		if got := kB(t, p, c.PID, "MemTotal"); got != mib<<10 {
			t.Errorf("MemTotal is %d kB under a limit of %d MiB", got, mib)
		}
	}
	if n, err := p.PossibleCPUs(); err != nil || n < 2 {
		t.Skip("one CPU: no quota shows", err)
	}
	for _, cpus := range []int{1, 2, 1} {
		c.LimitCPU(cpus * 100_000)
		text, err := p.Read(nil, c.PID, "/proc/cpuinfo")
		if err != nil || bytes.Count(text, []byte("processor\t:")) != cpus {
			t.Errorf("%d CPUs in cpuinfo, error %v, want %d", bytes.Count(text, []byte("processor\t:")), err, cpus)
		}
	}
	if got := fallbacks(t, p.Metrics); len(got) > 0 {
		t.Errorf("fell back: %q", got)
	}
}

// limitAbove limits the memory of a cgroup that many levels above c's.
func limitAbove(t *testing.T, c *cgrouptest.Container, levels, mib int) {
	t.Helper()
	dir := c.Dir("memory")
	for range levels {
		dir = filepath.Dir(dir)
	}
	limit := map[bool]string{false: "memory.limit_in_bytes", true: "memory.max"}[cgrouptest.IsV2()]
	if err := os.WriteFile(filepath.Join(dir, limit), []byte(strconv.Itoa(mib<<20)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestLimitsAboveShowAtOnce: the kubelet resizes a pod by its cgroup, which is
// above the containers'.
func TestLimitsAboveShowAtOnce(t *testing.T) {
	c := cgrouptest.Start(t, podPath(1), "exec sleep 1000")
	c.LimitMemory(256 << 20)
	p := openMachine(t)
	for _, change := range []struct{ levels, mib, want int }{
		{1, 64, 64}, {2, 128, 64}, {1, 32, 32}, {1, 300, 128}, {2, 16, 16}, {2, 300, 256},
	} {
		limitAbove(t, c, change.levels, change.mib)
		for range 2 {
			if got := kB(t, p, c.PID, "MemTotal"); got != change.want<<10 {
				t.Errorf("MemTotal is %d kB after %+v", got, change)
			}
		}
	}
	if got := fallbacks(t, p.Metrics); len(got) > 0 {
		t.Errorf("fell back: %q", got)
	}
}

// TestPodOfTheSamePath: a pod that has another's cgroup path has its own limit.
func TestPodOfTheSamePath(t *testing.T) {
	c := cgrouptest.Start(t, podPath(2), "exec sleep 1000")
	p := openMachine(t)
	limitAbove(t, c, 1, 64)
	if got := kB(t, p, c.PID, "MemTotal"); got != 64<<10 {
		t.Errorf("MemTotal is %d kB, want 64 MiB", got)
	}
	c.Stop()
	if _, err := os.Stat(filepath.Dir(c.Dir("memory"))); err == nil {
		t.Fatal("the pod's cgroup is still there")
	}
	c.Restart("exec sleep 1000")
	limitAbove(t, c, 1, 32)
	if got := kB(t, p, c.PID, "MemTotal"); got != 32<<10 {
		t.Errorf("MemTotal is %d kB, want 32 MiB", got)
	}
}

// TestContainerOfTheSamePath: a container has nothing of the one before it in
// the same cgroup path, even if kept texts may be as old as they like.
func TestContainerOfTheSamePath(t *testing.T) {
	big := t.TempDir() + "/big"
	c := cgrouptest.Start(t, podPath(0), "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; head -c 33554432 /dev/zero > "+big+"; touch "+big+".done; exec sleep 1000")
	c.LimitMemory(256 << 20)
	p := openMachineLately(t, time.Hour)
	for range 1000 {
		if _, err := os.Stat(big + ".done"); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	cached, ticks := kB(t, p, c.PID, "Cached"), userTicks(t, p, c.PID)
	if cached < 30<<10 || ticks == 0 {
		t.Fatalf("32 MiB written, a loop run: Cached %d kB, user %d", cached, ticks)
	}
	c.Restart("exec sleep 1000")
	c.LimitMemory(256 << 20)
	if got := kB(t, p, c.PID, "Cached"); got > cached/2 {
		t.Errorf("the new container has %d kB of the old one's %d in Cached", got, cached)
	}
	if got := userTicks(t, p, c.PID); got > ticks/2 {
		t.Errorf("the new container's counter starts at %d, the old one's was %d", got, ticks)
	}
	if got := fallbacks(t, p.Metrics); len(got) > 0 {
		t.Errorf("fell back: %q", got)
	}
}
