package conformance

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// eventually waits until something is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(serveTimeout); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s", serveTimeout, what)
		}
	}
}

// child is the daemon's process of that command.
func (s *server) child(t *testing.T, command string) (pid int) {
	t.Helper()
	eventually(t, "podview "+command, func() bool {
		for _, child := range childrenOf(s.cmd.Process.Pid) {
			if runs(fmt.Sprint(child), command) {
				pid = child
				return true
			}
		}
		return false
	})
	return pid
}

// TestPortsAreBounded: whoever reaches them can't make podview keep much, nor
// keep others from an answer.
func TestPortsAreBounded(t *testing.T) {
	dir, probe, metrics := filepath.Join(t.TempDir(), "view"), freeAddress(t), freeAddress(t)
	s := serveOn(t, dir, "--probe-address", probe, "--metrics-address", metrics)
	s.says(t, "Serving")
	before := s.memory(t)
	for _, url := range []string{probe + "/livez", metrics + "/metrics"} {
		address, _, _ := strings.Cut(url, "/")
		for range 100 {
			flood(t, address)
		}
		if grown := s.memory(t) - before; grown > 32<<10 {
			t.Errorf("%s: podview's processes have grown by %d kB", url, grown)
		}
		if code, text := get(t, "http://"+url); code != http.StatusOK {
			t.Errorf("%s: %d %s", url, code, text)
		}
	}
}

// memory is what all processes of the daemon have resident, in kB.
func (s *server) memory(t *testing.T) (kB int) {
	t.Helper()
	for _, pid := range append(childrenOf(s.cmd.Process.Pid), s.cmd.Process.Pid) {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		var rss int
		if _, err := fmt.Sscanf(linesWith(string(text), "VmRSS:"), "VmRSS: %d kB", &rss); err != nil {
			t.Logf("process %d has ended", pid)
		}
		kB += rss
	}
	return kB
}

// flood sends a header that does not end, as long as somebody takes it.
func flood(t *testing.T, address string) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, serveTimeout)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
	_, _ = io.WriteString(conn, "GET /livez HTTP/1.1\r\nHost: x\r\nA: "+strings.Repeat("a", 900<<10))
}

// TestProbesAreKilled: the process that answers them is replaced, and the
// view knows nothing of it.
func TestProbesAreKilled(t *testing.T) {
	dir, probe := filepath.Join(t.TempDir(), "view"), freeAddress(t)
	s := serveOn(t, dir, "--probe-address", probe)
	e := newEndurers(t, dir)
	e.start(t)
	killed := s.child(t, "probes")
	if err := unix.Kill(killed, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/livez", "/readyz"} { // connections wait for the next one
		if code, text := get(t, "http://"+probe+path); code != http.StatusOK {
			t.Errorf("%s: %d %s", path, code, text)
		}
	}
	if next := s.child(t, "probes"); next == killed {
		t.Error("it was not killed")
	}
	e.finish(t, "the probes' process was killed", 10)
}

// connection is the number of the FUSE connection below dir.
func connection(t *testing.T, dir string) uint32 {
	t.Helper()
	var st unix.Stat_t
	eventually(t, "a mount on "+dir, func() bool { return isFUSE(dir) && unix.Stat(dir, &st) == nil })
	return unix.Minor(st.Dev)
}

// TestConnectionIsEnded: by whoever may. The same daemon mounts again, and
// gives containers their view back.
func TestConnectionIsEnded(t *testing.T) {
	needRoot(t)
	control := t.TempDir()
	if err := unix.Mount("none", control, "fusectl", 0, ""); err != nil {
		t.Skipf("no fusectl: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(control, unix.MNT_DETACH) })
	dir, metrics := filepath.Join(t.TempDir(), "view"), freeAddress(t)
	s := serveOn(t, dir, "--metrics-address", metrics)
	containers := []*container{enclosed(t, dir), enclosed(t, dir)}
	waitLimited(t, time.Now(), containers...)
	const again = 4
	for n := range again {
		before := connection(t, dir)
		start := time.Now()
		var err error
		if n%2 == 0 {
			err = os.WriteFile(fmt.Sprintf("%s/%d/abort", control, before), []byte("1"), 0)
		} else if err = unix.Unmount(dir, unix.MNT_FORCE); errors.Is(err, unix.EBUSY) { // it has ended all the same
			err = nil
		}
		if err != nil {
			t.Fatal(err)
		}
		s.says(t, fmt.Sprintf("times=%d", n+1))
		waitLimited(t, start, containers...)
		if n := mountsOn(t, dir); n != 1 {
			t.Errorf("%d mounts", n)
		}
	}
	if _, text := get(t, "http://"+metrics+"/metrics"); !strings.Contains(text, fmt.Sprintf("podview_lost_mounts_total %d\n", again)) {
		t.Errorf("the metrics do not tell of %d lost mounts", again)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}

// startsOnTheHost: what a pod finds under the mountpoint is the host's files.
func startsOnTheHost(t *testing.T, dir string) {
	t.Helper()
	eventually(t, "the dead mount to be off "+dir, func() bool { return mountsOn(t, dir) == 0 })
	for _, path := range emulatedHere() {
		if target, err := os.Readlink(dir + path); err != nil || target != path {
			t.Errorf("%s leads to %q (%v), want %s", dir+path, target, err, path)
		}
	}
}

// TestNobodyFollows: new pods start after the end of podview, whatever that
// was, and get their view when there is one.
func TestNobodyFollows(t *testing.T) {
	needRoot(t)
	dir := filepath.Join(t.TempDir(), "view")
	for name, end := range map[string]func(t *testing.T, s *server){
		"SIGTERM": func(t *testing.T, s *server) {
			if err := s.terminate(); err != nil {
				t.Error(err)
			}
		},
		"SIGKILL": func(t *testing.T, s *server) {
			s.child(t, "guard")
			_ = s.cmd.Process.Kill()
			<-s.exited
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := serveOn(t, dir, "--leave-mounted")
			before := enclosed(t, dir)
			end(t, s)
			startsOnTheHost(t, dir)
			after := enclosed(t, dir)
			start := time.Now()
			serveOn(t, dir, "--leave-mounted")
			waitLimited(t, start, before, after)
		})
	}
}

// TestGuardLeavesWhatIsServed: a podview that is killed after a hand-over has
// no dead mount.
func TestGuardLeavesWhatIsServed(t *testing.T) {
	binary, dir := podviewBinary(t), filepath.Join(t.TempDir(), "view")
	old := serveOn(t, dir, "--leave-mounted")
	guard := old.child(t, "guard")
	e := newEndurers(t, dir)
	e.start(t)
	next := succeed(t, binary, dir, "--leave-mounted")
	_ = old.cmd.Process.Kill()
	<-old.exited
	eventually(t, "the guard's end", func() bool { return unix.Kill(guard, 0) != nil })
	e.finish(t, "the one before was killed", 10)
	if n := mountsOn(t, dir); n != 1 {
		t.Errorf("%d mounts", n)
	}
	next.child(t, "guard")
	_ = next.cmd.Process.Kill()
	<-next.exited
	startsOnTheHost(t, dir)
}

// strangerEnv makes this binary ask for the mount at that socket.
const strangerEnv = "PODVIEW_CONFORMANCE_STRANGER"

func strangerMain(socket string) int {
	conn, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: socket, Net: "unixpacket"})
	if err != nil {
		fmt.Println("connect:", err)
		return 1
	}
	_, _ = conn.Write([]byte(`{"protocol":1,"version":"evil"}`))
	text, rights := make([]byte, 16<<10), make([]byte, 256)
	n, files, _, _, err := conn.ReadMsgUnix(text, rights)
	fmt.Printf("bytes %d rights %d: %v\n", n, files, err)
	return 0
}

// TestStrangersAtTheSocket get nothing, though they are root.
func TestStrangersAtTheSocket(t *testing.T) {
	needRoot(t)
	run, err := os.MkdirTemp("", "run") // sockets' names are short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(run) })
	dir := filepath.Join(t.TempDir(), "view")
	s := serveOn(t, dir, "--run-dir", run)
	s.says(t, "Serving")
	var sockets []string
	eventually(t, "a socket", func() bool {
		sockets, _ = filepath.Glob(run + "/*/*.sock")
		return len(sockets) == 1
	})
	if st, err := os.Stat(filepath.Dir(sockets[0])); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("its directory: %v, %v", st.Mode(), err)
	}
	if beside, _ := filepath.Glob(dir + "*sock*"); len(beside) != 0 {
		t.Errorf("beside the mount is %q", beside)
	}
	for name, attr := range map[string]*syscall.SysProcAttr{
		"pid namespace":  {Cloneflags: unix.CLONE_NEWPID},
		"user namespace": {Cloneflags: unix.CLONE_NEWUSER, UidMappings: []syscall.SysProcIDMap{{Size: 1}}},
	} {
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = []string{strangerEnv + "=" + sockets[0]}
		cmd.SysProcAttr = attr
		out, err := cmd.Output()
		if err != nil || !strings.Contains(string(out), "bytes 0 rights 0") && !strings.Contains(string(out), "reset") {
			t.Errorf("in a %s of its own: %s (%v)", name, out, err)
		}
		s.says(t, name+" is")
		time.Sleep(1100 * time.Millisecond) // the log tells one a second
	}
	next := succeed(t, podviewBinary(t), dir, "--run-dir", run) // the offer stands
	s.endStandby(t)
	if err := next.stop(); err != nil {
		t.Error(err)
	}
}

// TestWorkerHangs: one that answers nothing is replaced; readers wait that
// long, and see no error.
func TestWorkerHangs(t *testing.T) {
	metrics := freeAddress(t)
	daemon := privateServe(t, "--metrics-address", metrics)
	e := newEndurers(t, daemon.dir)
	e.start(t)
	hung := daemon.worker(t)
	if err := unix.Kill(hung, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	daemon.says(t, "answers nothing while requests wait")
	daemon.says(t, "The worker died; starting another")
	e.small.seesMemory(t, "afterwards", 100)
	e.finish(t, "a worker that hung", 10)
	if now := daemon.worker(t); now == hung {
		t.Errorf("worker %d is still there", now)
	}
	if _, text := get(t, "http://"+metrics+"/metrics"); !strings.Contains(text, "podview_hung_workers_total 1\n") {
		t.Error("the metrics do not tell of it")
	}
}

// TestOOMKillerSparesTheHolder alone: the others' death costs nothing.
func TestOOMKillerSparesTheHolder(t *testing.T) {
	s := privateServe(t, "--probe-address", freeAddress(t))
	score := func(pid int) string {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(text))
	}
	own := score(os.Getpid())
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	var effective uint64
	if _, err := fmt.Sscanf(linesWith(string(status), "CapEff:"), "CapEff: %x", &effective); err != nil {
		t.Fatal(err)
	}
	if effective&(1<<unix.CAP_SYS_RESOURCE) == 0 || own == "-1000" {
		t.Skipf("capabilities %x lack CAP_SYS_RESOURCE, or the score %s is podview's", effective, own)
	}
	if got := score(s.cmd.Process.Pid); got != "-1000" {
		t.Errorf("the holder's oom_score_adj is %s", got)
	}
	for _, command := range []string{"worker", "probes"} {
		pid := s.child(t, command)
		eventually(t, command+" to have the score of its own", func() bool { return score(pid) == own })
	}
}

// TestDirectoryIsLocked: by a container that may only read it. That keeps no
// podview from starting.
func TestDirectoryIsLocked(t *testing.T) {
	needRoot(t)
	dir := filepath.Join(t.TempDir(), "view")
	parent, err := os.Open(filepath.Dir(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer parent.Close()
	if err := unix.Flock(int(parent.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if err := serveOn(t, dir).stop(); err != nil {
		t.Error(err)
	}
}
