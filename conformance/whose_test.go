package conformance

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// seesMemory fails unless the process sees a machine of that many MiB.
func (p *process) seesMemory(t testing.TB, who string, mib int) {
	t.Helper()
	if got := p.meminfo(t).kB["MemTotal"]; got != mib<<10 {
		t.Errorf("%s: MemTotal %d kB, want %d", who, got, mib<<10)
	}
}

func (p *process) seesHost(t testing.TB, who string) {
	t.Helper()
	for _, file := range []string{"/proc/swaps", "/sys/devices/system/cpu/online"} {
		if got, want := p.read(t, file), kernel().read(t, file); got != want {
			t.Errorf("%s: %s: %q, the host's is %q", who, file, got, want)
		}
	}
	if got, want := p.meminfo(t).kB["MemTotal"], kernel().meminfo(t).kB["MemTotal"]; got != want {
		t.Errorf("%s: MemTotal %d kB, the host's is %d", who, got, want)
	}
	got, _ := p.uptime(t)
	if want, _ := kernel().uptime(t); got < want-5 || got > want {
		t.Errorf("%s: uptime %.2f s, the host's is %.2f", who, got, want)
	}
	gotBusy, wantBusy := busy(p.stat(t).total), busy(kernel().stat(t).total)
	if gotBusy > wantBusy || gotBusy+500 < wantBusy {
		t.Errorf("%s: %d ticks busy, the host's are %d", who, gotBusy, wantBusy)
	}
}

func TestWhoseHost(t *testing.T) { hostReader(t).seesHost(t, "a process of the host") }

func TestWhoseInit(t *testing.T) {
	startContainer(t, limits{memoryMiB: 100}).seesMemory(t, "the container's init", 100)
}

func TestWhoseChild(t *testing.T) {
	c := startContainer(t, limits{memoryMiB: 100})
	c.spawn(t, nil).seesMemory(t, "a child of init", 100)
}

func TestWhoseEntered(t *testing.T) {
	c := startContainer(t, limits{memoryMiB: 100})
	c.enter(t, c.group).seesMemory(t, "entered as kubectl exec does", 100)
	// nsenter from a shell of the host comes to see what the container sees.
	c.enter(t, nil).seesMemory(t, "entered, left in the host's cgroup", 100)
}

// A thread is not its process: the daemon gets the thread's id.
func TestWhoseThread(t *testing.T) {
	c := startContainer(t, limits{memoryMiB: 100})
	for _, reader := range c.hammer(t, "/proc/meminfo", 8, 10) {
		for _, text := range reader {
			if got := parseMeminfo(t, string(text)).kB["MemTotal"]; got != 100<<10 {
				t.Fatalf("a thread: MemTotal %d kB", got)
			}
		}
	}
}

// An inner cgroup's limit counts, because the kernel enforces it; usage is
// the container's.
func TestWhoseNestedCgroup(t *testing.T) {
	if h, err := machine(); err != nil || h.v2() {
		t.Skip("a v2 cgroup with processes of its own has none inside; TestWhoseInitScope is that case")
	}
	c := startContainer(t, limits{memoryMiB: 200})
	inner := newGroup(t, innerPath(t, c.group, "inner"), limits{memoryMiB: 90})
	p := c.spawn(t, inner)
	p.seesMemory(t, "a process in an inner cgroup", 90)
	c.seesMemory(t, "init, outside the inner cgroup", 200)
	sameUsageAndTime(t, c, p)
}

// systemd as a container's init: itself in init.scope, services beside it.
func TestWhoseInitScope(t *testing.T) {
	view := viewDir(t)
	top := newGroup(t, podPath()+"/"+ctrName("c"), limits{memoryMiB: 200})
	scope := newGroup(t, innerPath(t, top, "init.scope"), limits{})
	slice := newGroup(t, innerPath(t, top, "app.slice"), limits{memoryMiB: 90})
	c := startIn(t, scope, view)
	p := c.spawn(t, slice)
	c.seesMemory(t, "init in init.scope", 200)
	p.seesMemory(t, "a service in app.slice", 90)
	c.group = top
	sameUsageAndTime(t, c, p)
}

// sameUsageAndTime: p, in an inner cgroup, sees its container's used memory
// and CPU time, whoever used them.
func sameUsageAndTime(t *testing.T, c *container, p *process) {
	t.Helper()
	before := p.meminfo(t).usedMiB()
	c.touch(t, 48)
	if rise := p.meminfo(t).usedMiB() - before; rise < 46 || rise > 48+2*readerMiB { // both may
		t.Errorf("used rose by %.1f MiB inside when init touched 48", rise)
	}
	p.stat(t)
	c.burn(t, 1)
	time.Sleep(500 * time.Millisecond)
	least := c.group.usedCPU(t)
	if shown := time.Duration(busy(p.stat(t).total)) * 10 * time.Millisecond; shown < least-100*time.Millisecond {
		t.Errorf("stat shows %v busy inside, the container has used %v", shown, least)
	}
}

func innerPath(t testing.TB, g *group, name string) string {
	t.Helper()
	rel, err := filepath.Rel("/"+topName(), g.path)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(rel, name)
}

// shareProcessNamespace: pid 1 is the pause container, in a sibling cgroup.
func TestWhoseSharedPidNamespace(t *testing.T) {
	pod, view := podPath(), viewDir(t)
	pause := startIn(t, newGroup(t, pod+"/"+ctrName("a"), limits{memoryMiB: 20}), view)
	first := newGroup(t, pod+"/"+ctrName("b"), limits{memoryMiB: 100})
	second := newGroup(t, pod+"/"+ctrName("d"), limits{memoryMiB: 120})
	pause.seesMemory(t, "pause", 20)
	pause.enter(t, first).seesMemory(t, "the first container", 100)
	pause.enter(t, second).seesMemory(t, "the second container", 120)
}

// Callers that are killed while their read is served leave the daemon well.
func TestWhoseCallerIsKilled(t *testing.T) {
	c := startContainer(t, limits{memoryMiB: 256})
	for range 40 {
		p := c.spawn(t, nil)
		p.conn.Go("Agent.Hammer", Hammer{"/proc/stat", 4, 1 << 20, 0}, new([][][]byte), nil)
		time.Sleep(time.Duration(rand.IntN(10)) * time.Millisecond)
		if err := unix.Kill(p.pid, unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	c.seesMemory(t, "after 40 kills", 256)
	startContainer(t, limits{memoryMiB: 100}).seesMemory(t, "a new container after 40 kills", 100)
	hostReader(t).seesHost(t, "a process of the host after 40 kills")
}

// A daemon in a pid namespace of its own can't see the readers outside it:
// the kernel gives it 0 for their pid. They see the host.
func TestWhoseInvisibleCaller(t *testing.T) {
	binary := podviewBinary(t)
	needRoot(t)
	bare := startIn(t, newGroup(t, podPath()+"/"+ctrName("c"), limits{memoryMiB: 200}), "")
	dir := filepath.Join(t.TempDir(), "view")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	ended := make(chan string, 1)
	go func() {
		var out Output
		err := bare.try("Run", []string{binary, "serve", "--mount", dir}, &out)
		ended <- out.Stderr + errorText(err)
	}()
	outside := &process{conn: here(), root: filepath.Join("/proc", strconv.Itoa(bare.pid), "root", dir), kernel: true}
	for deadline := time.Now().Add(serveTimeout); !isFUSE(outside.root); time.Sleep(10 * time.Millisecond) {
		select {
		case text := <-ended:
			t.Fatalf("serve in a pid namespace: %s", text)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("serve in a pid namespace: not mounted")
		}
	}
	outside.seesHost(t, "a reader that the daemon can't see")
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
