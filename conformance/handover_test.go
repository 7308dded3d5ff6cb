package conformance

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// succeed starts a daemon that takes over from the one that serves dir.
func succeed(t *testing.T, binary, dir string, flags ...string) *server {
	t.Helper()
	s := launchOn(t, binary, dir, flags...)
	s.says(t, "Took over the mount")
	return s
}

// launchOn starts a daemon on dir, which the test's end kills if need be.
func launchOn(t *testing.T, binary, dir string, flags ...string) *server {
	t.Helper()
	needRoot(t)
	s, err := launch(binary, dir, flags...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		crash(t, s)
		for unix.Unmount(dir, unix.MNT_DETACH) == nil {
		}
	})
	return s
}

func mountsOn(t *testing.T, dir string) (n int) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(text), " "+dir+" ")
}

// end ends a daemon that serves no more; the mount must stay.
func (s *server) endStandby(t *testing.T) {
	t.Helper()
	if err := s.terminate(); err != nil {
		t.Error(err)
	}
	if mountsOn(t, s.dir) != 1 {
		t.Errorf("%d mounts on %s after a podview has ended that had handed it over", mountsOn(t, s.dir), s.dir)
	}
}

// TestHandOver: nobody who reads sees that one daemon follows another.
func TestHandOver(t *testing.T) {
	binary, dir := podviewBinary(t), filepath.Join(t.TempDir(), "view")
	last := serveOn(t, dir, patient)
	e := newEndurers(t, dir)
	e.control(t)
	e.start(t)
	handOvers := times(10, 200)
	for range handOvers {
		next := succeed(t, binary, dir, patient)
		last.says(t, "Handed over the mount; standing by")
		last.endStandby(t)
		last = next
		time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond)
	}
	e.finish(t, fmt.Sprintf("%d hand-overs", handOvers), handOvers)
	if err := last.stop(); err != nil {
		t.Error(err)
	}
}

// TestUpgrade: from the binary of the commit before this one.
func TestUpgrade(t *testing.T) {
	binary := podviewBinary(t)
	earlier := binary + ".earlier"
	if _, err := os.Stat(earlier); err != nil {
		t.Skipf("no binary of the commit before this one: %v", err)
	}
	dir := filepath.Join(t.TempDir(), "view")
	old, err := startServe(earlier, dir, patient)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { crash(t, old) })
	e := newEndurers(t, dir)
	e.start(t)
	s := succeed(t, binary, dir, patient)
	time.Sleep(time.Second)
	old.endStandby(t)
	e.finish(t, "upgrade", 10)
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}

// lingering is a daemon that was told to end, and readers of its mount.
func lingering(t *testing.T, dir string) (*server, *endurers) {
	t.Helper()
	s := serveOn(t, dir, "--leave-mounted", patient)
	e := newEndurers(t, dir)
	e.start(t)
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	return s, e
}

// TestSuccessorIsLate: the old daemon is told to end before the new one asks
// for the mount. One that none follows ends all the same.
func TestSuccessorIsLate(t *testing.T) {
	binary, dir := podviewBinary(t), filepath.Join(t.TempDir(), "view")
	old, e := lingering(t, dir)
	time.Sleep(500 * time.Millisecond)
	next := succeed(t, binary, dir, "--leave-mounted")
	if err := old.await(func() bool { return false }); err == nil || !strings.Contains(err.Error(), "exit status 0") {
		t.Errorf("the old one: %v", err)
	}
	e.finish(t, "a late successor", 10)
	if err := next.terminate(); err != nil {
		t.Error(err)
	}
	startsOnTheHost(t, dir)
}

// TestLateSuccessorGoesAway: the old daemon, which was told to end, is there for
// a moment yet.
func TestLateSuccessorGoesAway(t *testing.T) {
	binary, dir := podviewBinary(t), filepath.Join(t.TempDir(), "view")
	old, e := lingering(t, dir)
	crash(t, succeed(t, binary, dir, "--leave-mounted"))
	old.says(t, "serving it again")
	e.finish(t, "a late successor was killed", 10)
	if err := old.terminate(); err != nil {
		t.Error(err)
	}
}

// TestSuccessorGoesAway: the one before it serves again.
func TestSuccessorGoesAway(t *testing.T) {
	binary, dir := podviewBinary(t), filepath.Join(t.TempDir(), "view")
	old := serveOn(t, dir)
	e := newEndurers(t, dir)
	e.start(t)
	crash(t, succeed(t, binary, dir))
	old.says(t, "serving it again")
	next := succeed(t, binary, dir) // it can be followed again
	if err := next.terminate(); err != nil {
		t.Error(err)
	}
	if !strings.Contains(next.stderr.String(), "Leaving the mount to the podview that served it before") {
		t.Errorf("a podview that was rolled back says:\n%s", &next.stderr)
	}
	time.Sleep(time.Second)
	e.finish(t, "a successor was killed, another rolled back", 10)
	if err := old.stop(); err != nil {
		t.Error(err)
	}
}

// TestOneStandsBy: the third daemon releases the first.
func TestOneStandsBy(t *testing.T) {
	binary, dir := podviewBinary(t), filepath.Join(t.TempDir(), "view")
	first := serveOn(t, dir)
	second := succeed(t, binary, dir)
	third := succeed(t, binary, dir)
	first.says(t, "Another podview stands by now")
	crash(t, second)
	c := startIn(t, newGroup(t, podPath()+"/"+ctrName("b"), limits{memoryMiB: 100}), dir)
	c.seesMemory(t, "with three daemons", 100)
	first.endStandby(t)
	if err := third.stop(); err != nil {
		t.Error(err)
	}
}

// TestTwoStartAtOnce: one mounts, the other takes over from it.
func TestTwoStartAtOnce(t *testing.T) {
	binary, dir := podviewBinary(t), filepath.Join(t.TempDir(), "view")
	a, b := launchOn(t, binary, dir), launchOn(t, binary, dir)
	for _, s := range []*server{a, b} {
		s.says(t, "Serving")
	}
	if n := mountsOn(t, dir); n != 1 {
		t.Errorf("%d mounts on top of each other", n)
	}
	if strings.Contains(a.stderr.String(), "Took over the mount") == strings.Contains(b.stderr.String(), "Took over the mount") {
		t.Errorf("one should have taken over from the other:\n%s\n%s", &a.stderr, &b.stderr)
	}
}

// TestSuccessorMakesTheLinks: under a mount that is in use, too.
func TestSuccessorMakesTheLinks(t *testing.T) {
	binary, dir := podviewBinary(t), filepath.Join(t.TempDir(), "view")
	old := serveOn(t, dir, "--fail-open=false")
	next := succeed(t, binary, dir)
	next.says(t, "Serving")
	old.endStandby(t)
	if err := next.stop(); err != nil {
		t.Fatal(err)
	}
	for _, path := range emulatedHere() {
		if target, err := os.Readlink(dir + path); err != nil || target != path {
			t.Errorf("%s leads to %q (%v), want %s", dir+path, target, err, path)
		}
	}
}

// TestGreeterDies: the process that hears who asks for the mount. A successor
// that comes meanwhile gets it from the next one.
func TestGreeterDies(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{"is killed": syscall.SIGKILL, "hangs": syscall.SIGSTOP} {
		t.Run(name, func(t *testing.T) {
			binary, dir := podviewBinary(t), filepath.Join(t.TempDir(), "view")
			run, err := os.MkdirTemp("", "run") // sockets' names are short
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(run) })
			old := serveOn(t, dir, "--run-dir", run)
			old.says(t, "Serving")
			e := newEndurers(t, dir)
			e.start(t)
			var sockets []string
			eventually(t, "a socket", func() bool {
				sockets, _ = filepath.Glob(run + "/*/*.sock")
				return len(sockets) == 1
			})
			conn, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: sockets[0], Net: "unixpacket"})
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := syscall.Kill(old.child(t, "greet"), signal); err != nil { // it waits for another one
				t.Fatal(err)
			}
			next := succeed(t, binary, dir, "--run-dir", run)
			old.endStandby(t)
			e.finish(t, "a greeter "+name, 10)
			if err := next.stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestLoadOutlivesTheWorker: and the daemon.
func TestLoadOutlivesTheWorker(t *testing.T) {
	binary, dir := podviewBinary(t), filepath.Join(t.TempDir(), "view")
	old := serveOn(t, dir)
	c := startIn(t, newGroup(t, podPath()+"/"+ctrName("b"), limits{cpuMilli: 1000}), dir) // leaves the others a CPU
	c.loadavg(t)
	c.burn(t, 2)
	var before float64
	for deadline := time.Now().Add(60 * time.Second); before < 0.15 && time.Now().Before(deadline); {
		time.Sleep(500 * time.Millisecond)
		before = c.loadavg(t).oneMinute
	}
	_ = unix.Kill(old.worker(t), unix.SIGKILL)
	killed := c.loadavg(t).oneMinute
	succeed(t, binary, dir)
	handedOver := c.loadavg(t).oneMinute
	t.Logf("load %.2f, after a kill %.2f, after a hand-over %.2f", before, killed, handedOver)
	if before < 0.15 || killed < before/2 || handedOver < before/2 {
		t.Error("the load average starts anew")
	}
}
