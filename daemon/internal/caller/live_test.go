package caller_test

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/podview/podview/daemon/internal/caller"
	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/cgroup/cgrouptest"
	"github.com/podview/podview/daemon/internal/host"
)

const script = "exec sleep 1000"

// twoProcesses are init and a child of it.
const twoProcesses = "sleep 1000 & exec sleep 1001"

func testPath(name string) string { return fmt.Sprintf("/podview-test-%d/%s", os.Getpid(), name) }

// watching is a resolver that is told of changes as the pipeline tells it.
type watching struct {
	*caller.Resolver
	changes *host.Changes
}

func resolver(t *testing.T) watching {
	t.Helper()
	r, err := caller.NewResolver(host.Root{Proc: "/proc"}, host.NewKept(100))
	if err != nil {
		t.Fatal(err)
	}
	changes := host.NewChanges(cgrouptest.Dirs())
	t.Cleanup(func() { changes.Rest(); changes.Rest() })
	return watching{r, changes}
}

func (w watching) Identify(tid int) (*caller.Caller, error) {
	return w.Resolver.Identify(tid, w.changes.Count())
}

// key is a hierarchy that all test containers are in.
func key() string {
	if cgrouptest.IsV2() {
		return ""
	}
	return "memory"
}

func wantPlace(t *testing.T, r watching, pid int, leaf, root string) *caller.Caller {
	t.Helper()
	c, err := r.Identify(pid)
	if err != nil {
		t.Fatalf("process %d: %v", pid, err)
	}
	if got, ok := c.Place(key()); !ok || c.Host || got != (cgroup.Place{Leaf: leaf, Root: root}) {
		t.Errorf("process %d: got %+v, host %t, want %s in %s", pid, got, c.Host, leaf, root)
	}
	return c
}

func makeCgroup(t *testing.T, path string) {
	t.Helper()
	cgrouptest.MakeCgroup(t, path)
	t.Cleanup(func() { cgrouptest.RemoveCgroup(path) })
}

// TestMovesShowAtOnce moves a container's processes about.
func TestMovesShowAtOnce(t *testing.T) {
	path := testPath("moves/a")
	inner, other := path+"/in", testPath("moves/b")
	c := cgrouptest.Start(t, path, twoProcesses)
	pids := c.Processes(2)
	child := pids[slices.IndexFunc(pids, func(pid int) bool { return pid != c.PID })]
	r := resolver(t)
	before := wantPlace(t, r, child, path, path)
	if again := wantPlace(t, r, child, path, path); again != before {
		t.Error("the same texts made another answer")
	}
	if cgrouptest.IsV2() {
		t.Skip("on v2 a cgroup with controllers for others has no processes of its own")
	}
	makeCgroup(t, inner)
	makeCgroup(t, other)
	cgrouptest.MoveTo(t, child, inner)
	wantPlace(t, r, child, inner, path)
	cgrouptest.MoveTo(t, c.PID, inner) // init moves: the container is smaller
	wantPlace(t, r, child, inner, inner)
	wantPlace(t, r, c.PID, inner, inner)
	cgrouptest.MoveTo(t, c.PID, other)
	cgrouptest.MoveTo(t, child, other)
	wantPlace(t, r, child, other, other)
	wantPlace(t, r, c.PID, other, other)
	cgrouptest.MoveTo(t, c.PID, path) // for Stop
	cgrouptest.MoveTo(t, child, path)
}

// TestHostProcessThatEntersAContainer keeps its pid namespace, as with
// hostPID.
func TestHostProcessThatEntersAContainer(t *testing.T) {
	pod := testPath("kubepods/pod1/ctr")
	cgrouptest.Start(t, pod, script)
	process := exec.Command("sleep", "1000")
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = process.Process.Kill(); _ = process.Wait() }()
	r := resolver(t)
	if c, err := r.Identify(process.Process.Pid); err != nil || !c.Host {
		t.Errorf("%+v, error %v, want the host", c, err)
	}
	cgrouptest.MoveTo(t, process.Process.Pid, pod)
	wantPlace(t, r, process.Process.Pid, pod, pod)
	cgrouptest.MoveTo(t, process.Process.Pid, "/")
	if c, err := r.Identify(process.Process.Pid); err != nil || !c.Host {
		t.Errorf("%+v, error %v, want the host again", c, err)
	}
}

// TestRestartUnderTheSamePath: the texts are the same, the container is not.
func TestRestartUnderTheSamePath(t *testing.T) {
	path := testPath("restart")
	c := cgrouptest.Start(t, path, script)
	r := resolver(t)
	old := c.PID
	first, ok, err := r.StartTicks(wantPlace(t, r, old, path, path))
	if err != nil || !ok || first != startOf(t, old) {
		t.Errorf("start %d, %t, error %v, want %d", first, ok, err, startOf(t, old))
	}
	c.Restart(script)
	if who, err := r.Identify(old); !host.IsMissing(err) {
		t.Errorf("the old process: %+v, error %v", who, err)
	}
	who := wantPlace(t, r, c.PID, path, path)
	if start, ok, err := r.StartTicks(who); err != nil || !ok || start != startOf(t, c.PID) {
		t.Errorf("start %d, %t, error %v, want %d", start, ok, err, startOf(t, c.PID))
	}
	if pid, err := r.PIDInside(who); err != nil || pid != 1 {
		t.Errorf("pid inside %d, error %v", pid, err)
	}
}

// TestReusedPid gives the pid of one container's init to another's.
func TestReusedPid(t *testing.T) {
	a, b := testPath("reuse/a"), testPath("reuse/b")
	first := cgrouptest.Start(t, a, script)
	second := cgrouptest.Start(t, b, script)
	for range 200 {
		pid := first.PID
		r := resolver(t)
		start, _, err := r.StartTicks(wantPlace(t, r, pid, a, a))
		if err != nil {
			t.Fatal(err)
		}
		second.Stop()
		first.Stop()
		second.NextPID = pid
		second.Restart(script)
		if second.PID != pid { // somebody was faster
			first.Restart(script)
			continue
		}
		who := wantPlace(t, r, pid, b, b)
		if got, _, err := r.StartTicks(who); err != nil || got != startOf(t, pid) || got < start {
			t.Errorf("start %d, error %v, want %d; the first one's was %d", got, err, startOf(t, pid), start)
		}
		if pidInside, err := r.PIDInside(who); err != nil || pidInside != 1 {
			t.Errorf("pid inside %d, error %v", pidInside, err)
		}
		return
	}
	t.Skip("the kernel never gave a pid twice: others start processes too")
}

// TestReusedPidInTheHost: the same for a process that is no container's now.
func TestReusedPidInTheHost(t *testing.T) {
	path := testPath("reuse-host")
	c := cgrouptest.Start(t, path, script)
	for range 200 {
		pid := c.PID
		r := resolver(t)
		wantPlace(t, r, pid, path, path)
		c.Stop()
		_ = os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(pid-1)), 0)
		process := exec.Command("sleep", "1000")
		if err := process.Start(); err != nil {
			t.Fatal(err)
		}
		who, err := r.Identify(process.Process.Pid)
		_ = process.Process.Kill()
		_ = process.Wait()
		if process.Process.Pid == pid {
			if err != nil || !who.Host {
				t.Errorf("%+v, error %v, want the host", who, err)
			}
			return
		}
		c.Restart(script)
	}
	t.Skip("the kernel never gave a pid twice: others start processes too")
}

// startOf reads the 22nd field of /proc/PID/stat.
func startOf(t *testing.T, pid int) uint64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')'):]))
	start, err := strconv.ParseUint(fields[22-2], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return start
}
