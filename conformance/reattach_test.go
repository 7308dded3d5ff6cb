package conformance

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// waitLimited polls: podview re-attaches containers after it has mounted.
func waitLimited(t *testing.T, since time.Time, containers ...*container) {
	t.Helper()
	for _, c := range containers {
		for deadline := time.Now().Add(serveTimeout); !limited(t, c) || len(broken(t, c)) > 0; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("pid %d did not get its view back; it reads %q, broken are %q",
					c.pid, linesWith(c.read(t, "/proc/meminfo"), "MemTotal"), broken(t, c))
			}
		}
		t.Logf("pid %d has all %d files, %v after the start of podview serve", c.pid, len(files()), time.Since(since).Round(time.Millisecond))
	}
}

// crash ends the daemon and its child processes by kill -9. The mount stays.
func crash(t *testing.T, s *server) {
	t.Helper()
	for _, pid := range append(childrenOf(s.cmd.Process.Pid), s.cmd.Process.Pid) {
		_ = unix.Kill(pid, unix.SIGKILL)
	}
	<-s.exited
}

func childrenOf(pid int) (children []int) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for _, field := range strings.Fields(string(text)) {
			var child int
			if _, err := fmt.Sscan(field, &child); err == nil {
				children = append(append(children, child), childrenOf(child)...)
			}
		}
	}
	return children
}

// serveOn runs a daemon on dir until the test's end.
func serveOn(t *testing.T, dir string, flags ...string) *server {
	t.Helper()
	s, err := startServe(podviewBinary(t), dir, flags...)
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

// All containers have all files again once a killed daemon has a successor.
func TestReattachAfterKill(t *testing.T) {
	needRoot(t)
	dir := filepath.Join(t.TempDir(), "view")
	s := serveOn(t, dir, "--fail-open=false") // no links: the dead mount alone tells
	containers := []*container{enclosed(t, dir), enclosed(t, dir)}
	waitLimited(t, time.Now(), containers...)
	crash(t, s)
	for _, c := range containers {
		if r := c.tryRead(t, "/proc/meminfo"); r.Errno != syscall.ENOTCONN {
			t.Errorf("with its daemon dead: %v, want %v", r.Errno, syscall.ENOTCONN)
		}
	}
	start, metrics := time.Now(), freeAddress(t)
	serveOn(t, dir, "--fail-open=false", "--metrics-address", metrics)
	waitLimited(t, start, containers...)
	eventually(t, "the metrics to tell of it", func() bool {
		_, text := get(t, "http://"+metrics+"/metrics")
		return strings.Contains(text, fmt.Sprintf("podview_reattached_total{result=\"replaced\"} %d\n", 2*len(emulatedHere())))
	})
}

// The process that looks at containers costs nothing when it dies.
func TestLookIsKilled(t *testing.T) {
	needRoot(t)
	dir := filepath.Join(t.TempDir(), "view")
	s := serveOn(t, dir)
	containers := []*container{enclosed(t, dir), enclosed(t, dir)}
	crash(t, s)
	s = launchOn(t, podviewBinary(t), dir)
	eventually(t, "a look to be done again", func() bool {
		for _, child := range childrenOf(s.cmd.Process.Pid) {
			if runs(fmt.Sprint(child), "reattach-orphans") {
				_ = unix.Kill(child, unix.SIGKILL)
			}
		}
		return strings.Contains(s.stderr.String(), "it is done again")
	})
	waitLimited(t, time.Now(), containers...)
}

// A container that starts while no podview runs sees the host, and its limits
// once podview is there.
func TestFailOpen(t *testing.T) {
	needRoot(t)
	dir := filepath.Join(t.TempDir(), "view")
	if err := serveOn(t, dir).stop(); err != nil {
		t.Fatal(err)
	}
	for _, path := range emulatedHere() {
		if target, err := os.Readlink(dir + path); err != nil || target != path {
			t.Errorf("%s leads to %q (%v), want %s", dir+path, target, err, path)
		}
	}
	c := enclosed(t, dir)
	if got, want := linesWith(c.read(t, "/proc/meminfo"), "MemTotal"), linesWith(kernel().read(t, "/proc/meminfo"), "MemTotal"); got != want {
		t.Errorf("without podview: %q, the host has %q", got, want)
	}
	start := time.Now()
	s := serveOn(t, dir)
	waitLimited(t, start, c)
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("pid=%d ", c.pid); !strings.Contains(linesWith(s.stderr.String(), "I"), want) {
		t.Errorf("no log line with %q:\n%s", want, &s.stderr)
	}
}

func TestFailOpenOff(t *testing.T) {
	needRoot(t)
	dir := filepath.Join(t.TempDir(), "view")
	s, err := startServe(podviewBinary(t), dir, "--fail-open=false")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("%v under the view (%v)", left, err)
	}
}

// The command, on the processes of this test only.
func TestReattachCommand(t *testing.T) {
	needRoot(t)
	dead, dir := filepath.Join(t.TempDir(), "view"), filepath.Join(t.TempDir(), "view")
	s := serveOn(t, dead)
	c := enclosed(t, dead)
	crash(t, s)
	serveOn(t, dir)
	proc := t.TempDir()
	for _, name := range []string{"1", "self", fmt.Sprint(c.pid)} {
		if err := os.Symlink("/proc/"+name, filepath.Join(proc, name)); err != nil {
			t.Fatal(err)
		}
	}
	reattach := func(flags ...string) (stdout, stderr string, code int) {
		return runHere(t, exec.Command(podviewBinary(t), append([]string{"reattach", "--host-proc", proc}, flags...)...))
	}
	if stdout, stderr, code := reattach("--mount", dead); code != 1 || stdout != "" || !strings.Contains(stderr, dead) {
		t.Errorf("with a dead view: exit code %d, %q, %q", code, stdout, stderr)
	}
	says := func(did string) string {
		return fmt.Sprintf("pid %d cgroup %s: %s %d files in ", c.pid, c.group.path, did, len(emulatedHere()))
	}
	stdout, stderr, code := reattach("--mount", dir, "--dry-run")
	if want := says("would replace"); code != 0 || !strings.HasPrefix(stdout, want) {
		t.Errorf("--dry-run: exit code %d, %q, want %q\n%s", code, stdout, want, stderr)
	}
	if len(broken(t, c)) != len(files()) {
		t.Error("--dry-run has replaced something")
	}
	stdout, stderr, code = reattach("--mount", dir)
	if want := says("replaced"); code != 0 || !strings.HasPrefix(stdout, want) {
		t.Errorf("exit code %d, %q, want %q\n%s", code, stdout, want, stderr)
	}
	if got := broken(t, c); len(got) != 0 || !limited(t, c) {
		t.Errorf("broken are %q; %q", got, linesWith(c.read(t, "/proc/meminfo"), "MemTotal"))
	}
	if stdout, stderr, code := reattach("--mount", dir); code != 0 || stdout != "" {
		t.Errorf("with nothing to do: exit code %d, %q, %q", code, stdout, stderr)
	}
}
