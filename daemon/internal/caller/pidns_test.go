package caller

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"github.com/podview/podview/daemon/internal/host"
)

// TestInitOf compares every way to find pid 1 of a namespace on a real one.
func TestInitOf(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("making a pid namespace needs root")
	}
	init := exec.Command("sleep", "60")
	init.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	if err := init.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = init.Process.Kill(); _ = init.Wait() }()
	pid := init.Process.Pid
	ns, err := pidNamespace("/proc", strconv.Itoa(pid))
	if err != nil {
		t.Fatal(err)
	}

	ways := map[string]func() (int, error){
		"parents": func() (int, error) { return initByParents("/proc", pid, ns) },
		"scan":    func() (int, error) { return initByScan("/proc", ns) },
	}
	if _, err := namespaceByIoctl("/proc/self/ns/pid", os.Getpid()); err == nil { // Linux 6.11
		ways["ioctl"] = func() (int, error) {
			told, err := namespaceByIoctl("/proc/"+strconv.Itoa(pid)+"/ns/pid", pid)
			if told.pidInside != 1 {
				t.Errorf("init is %d inside", told.pidInside)
			}
			return told.init, err
		}
	}
	for name, way := range ways {
		if got, err := way(); err != nil || got != pid {
			t.Errorf("%s: %d, %v; want %d", name, got, err, pid)
		}
	}

	r, err := NewResolver(host.Root{Proc: "/proc"}, host.NewKept(100))
	if err != nil {
		t.Fatal(err)
	}
	if c, err := r.Identify(pid, 1); err != nil || c.Host || c.TID != pid {
		t.Errorf("a process in a pid namespace of its own: %+v, %v", c, err)
	}
	if c, err := r.Identify(os.Getpid(), 1); err != nil || !c.Host {
		t.Errorf("this process: %+v, %v; want the host", c, err)
	}
}

func TestInitCacheDropsAReusedPid(t *testing.T) {
	self := os.Getpid()
	stat, err := ReadStat("/proc", self)
	if err != nil {
		t.Fatal(err)
	}
	c := initCache{pids: map[string]knownInit{}}
	c.put("ns", knownInit{self, stat.StartTicks})
	if pid, ok := c.get("/proc", "ns"); !ok || pid != self {
		t.Errorf("got %d, %t", pid, ok)
	}
	c.put("ns", knownInit{self, stat.StartTicks - 1})
	if pid, ok := c.get("/proc", "ns"); ok {
		t.Errorf("trusted pid %d, which started later than the one remembered", pid)
	}
	for i := range maxInits + 1 {
		c.put(strconv.Itoa(i), knownInit{})
	}
	if len(c.pids) > maxInits {
		t.Errorf("%d entries", len(c.pids))
	}
}

func TestIdentifyOfAnEndedThread(t *testing.T) {
	r, err := NewResolver(host.Root{Proc: "/proc"}, host.NewKept(100))
	if err != nil {
		t.Fatal(err)
	}
	if c, err := r.Identify(1<<30, 1); err == nil {
		t.Errorf("got %+v, want an error", c)
	}
}
