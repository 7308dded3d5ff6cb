package pipeline

import (
	"bytes"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

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

// TestThreadsAreCounted follows one container through changes of its threads.
func TestThreadsAreCounted(t *testing.T) {
	c := cgrouptest.Start(t, podPath(0), "exec sleep 1000")
	p := openMachine(t)
	if _, err := p.Read(nil, c.PID, "/proc/loadavg"); err != nil {
		t.Fatal(err)
	}
	who, err := p.identify(c.PID)
	if err != nil {
		t.Fatal(err)
	}
	pl, err := place(who, p.Hierarchies.CPUAcct)
	if err != nil {
		t.Fatal(err)
	}
	counter := &counter{p: p, place: pl}
	want := func(when string, total, running int) {
		t.Helper()
		got, err := counter.count()
		for range 300 { // the other process needs a moment
			if err != nil || got.Total == total && got.Running == running {
				break
			}
			time.Sleep(10 * time.Millisecond)
			got, err = counter.count()
		}
		if err != nil || got.Total != total || got.Running != running {
			t.Errorf("%s: %+v, error %v, want %d, %d of them running", when, got, err, total, running)
		}
	}
	want("idle", 1, 0)
	want("still idle", 1, 0)
	busy := exec.Command("sh", "-c", "while :; do :; done")
	if err := busy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = busy.Process.Kill(); _ = busy.Wait() })
	cgrouptest.MoveTo(t, busy.Process.Pid, c.Path)
	want("a busy one came", 2, 1)
	_ = busy.Process.Signal(unix.SIGSTOP)
	want("it was stopped", 2, 0)
	want("still", 2, 0)
	_ = busy.Process.Signal(unix.SIGCONT)
	want("it goes on", 2, 1)
	_ = busy.Process.Kill()
	_ = busy.Wait()
	want("it ended", 1, 0)
	moved := exec.Command("sleep", "1000")
	if err := moved.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = moved.Process.Kill(); _ = moved.Wait() }()
	cgrouptest.MoveTo(t, moved.Process.Pid, c.Path)
	want("a sleeping one came, seen by a count in full", 2, 0)
	cgrouptest.MoveTo(t, moved.Process.Pid, "/")
	want("and left", 1, 0)
	c.Stop()
	if _, err := counter.count(); err == nil {
		t.Error("no error after the cgroup went")
	}
	p.NowNsec = func() uint64 { return bootNsec() + 6e9 }
	if p.countDue(); p.loads.Watched() != 0 {
		t.Error("watched after its cgroup went")
	}
}

// TestInnerCgroupsAreCounted: the container's own, and those below it.
func TestInnerCgroupsAreCounted(t *testing.T) {
	if cgrouptest.IsV2() {
		t.Skip("on v2 a cgroup with controllers for others has no processes of its own")
	}
	c := cgrouptest.Start(t, podPath(0), "sleep 1000 & exec sleep 1001")
	inner := c.Path + "/in/ner"
	cgrouptest.MakeCgroup(t, inner)
	t.Cleanup(func() { cgrouptest.RemoveCgroup(inner) })
	for _, pid := range c.Processes(2) {
		if pid != c.PID {
			cgrouptest.MoveTo(t, pid, inner)
		}
	}
	t.Cleanup(func() { _ = unix.Kill(c.PID, unix.SIGKILL) }) // before its cgroups can go
	text, err := openMachine(t).Read(nil, c.PID, "/proc/loadavg")
	if err != nil || !strings.HasSuffix(strings.Fields(string(text))[3], "/2") {
		t.Errorf("%q, error %v, want 2 threads", text, err)
	}
}
