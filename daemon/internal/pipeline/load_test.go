package pipeline

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/cgroup/cgrouptest"
)

// TestThreadsAreCounted follows one container through changes of its threads.
func TestThreadsAreCounted(t *testing.T) {
	c := cgrouptest.Start(t, podPath(0), "exec sleep 1000")
	p := openMachine(t)
	if _, err := p.Read(nil, c.PID, "/proc/loadavg"); err != nil {
		t.Fatal(err)
	}
	who, err := p.callers.Identify(c.PID, p.changes.Count())
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
		if got, err := counter.count(); err != nil || got.Total != total || got.Running != running {
			t.Errorf("%s: %+v, error %v, want %d, %d of them running", when, got, err, total, running)
		}
	}
	used := func() uint64 {
		t.Helper()
		nsec, err := p.Hierarchies.CPUAcct.Source.CPUUsedNsec(pl)
		if err != nil {
			t.Fatal(err)
		}
		return nsec
	}
	afterUse := func(do func()) { // what is done costs the container CPU time
		t.Helper()
		before := used()
		do()
		for range 1000 {
			if used() != before {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Fatal("no CPU time was used")
	}
	until := func(pid int, program string, wanted byte) {
		t.Helper()
		for range 1000 {
			comm, err1 := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
			state, err2 := p.threads.State("/c", pid)
			if err := errors.Join(err1, err2); err != nil {
				t.Fatal(err)
			}
			if string(comm) == program+"\n" && state == wanted {
				return
			}
			time.Sleep(time.Millisecond)
		}
		t.Fatalf("%s never was in state %c", program, wanted)
	}
	until(c.PID, "sleep", 'S')
	want("idle", 1, 0)
	want("still idle", 1, 0)
	busy := exec.Command("sh", "-c", "while :; do :; done")
	if err := busy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = busy.Process.Kill(); _ = busy.Wait() })
	afterUse(func() { cgrouptest.MoveTo(t, busy.Process.Pid, c.Path) })
	want("a busy one came", 2, 1)
	afterUse(func() {})
	_ = busy.Process.Signal(unix.SIGSTOP)
	until(busy.Process.Pid, "sh", 'T')
	want("it was stopped", 2, 0)
	want("still", 2, 0)
	afterUse(func() { _ = busy.Process.Signal(unix.SIGCONT) })
	want("it goes on", 2, 1)
	afterUse(func() {})
	_ = busy.Process.Kill()
	_ = busy.Wait()
	want("it ended", 1, 0)

	moved := exec.Command("sleep", "1000")
	if err := moved.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = moved.Process.Kill(); _ = moved.Wait() }()
	until(moved.Process.Pid, "sleep", 'S')
	cgrouptest.MoveTo(t, moved.Process.Pid, c.Path)
	for range maxHolds {
		_, _ = counter.count()
	}
	want("a sleeping one came, seen by a count in full", 2, 0)
	_ = moved.Process.Kill()
	_ = moved.Wait()
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
