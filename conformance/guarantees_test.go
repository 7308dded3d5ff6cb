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

	"github.com/podview/podview/daemon/paths"
	"golang.org/x/sys/unix"
)

// These are the cells of docs/guarantees.md that need no kubelet. A new pod is
// what a kubelet does for its volumes (the type check of hostPath), what a
// runtime does (the bind mounts), and a process that reads. A container that
// starts again is the same without the first.

// What they find.
const (
	itsLimits = "its limits"
	theHosts  = "the host's files"
	errorsNow = "errors"
	waits     = "does not start"
)

// newPod starts one whose volumes are in the tree at dir.
func newPod(t *testing.T, dir string) (*container, string) {
	t.Helper()
	for _, p := range paths.All {
		if p.Everywhere && !volumeFound(dir+p.Path, p.Dir) {
			return nil, waits
		}
	}
	return startsAgain(t, dir)
}

// volumeFound is the check of hostPath types File and Directory.
func volumeFound(path string, dir bool) bool {
	info, err := os.Stat(path)
	return err == nil && (dir && info.IsDir() || !dir && info.Mode().IsRegular())
}

// startsAgain is a container of a pod that has its volumes. Runtimes look at
// what they bind.
func startsAgain(t *testing.T, dir string) (*container, string) {
	t.Helper()
	for _, path := range emulatedHere() {
		if _, err := os.Stat(dir + path); err != nil {
			return nil, waits
		}
	}
	c, err := tryEnclosed(t, dir)
	if err != nil {
		return nil, waits
	}
	return c, reads(t, c)
}

func reads(t *testing.T, c *container) string {
	t.Helper()
	r := c.tryRead(t, "/proc/meminfo")
	const total = "MemTotal:"
	switch {
	case r.Errno != 0:
		return errorsNow
	case limited(t, c):
		return itsLimits
	case linesWith(string(r.Data), total) == linesWith(kernel().read(t, "/proc/meminfo"), total):
		return theHosts
	}
	return fmt.Sprintf("%q", r.Data)
}

// node is one that a situation has come about on.
type node struct {
	dir     string
	running *container // from before, nil for none
}

// situation is a row of the table.
type situation struct {
	arrange func(t *testing.T, n *node)
	// starting is what a new pod finds, and a container that starts again;
	// running what goes on reading, "" for none.
	starting, running string
}

var situations = map[string]situation{
	"fresh node":                      {func(*testing.T, *node) {}, waits, ""},
	"fresh node with links":           {func(t *testing.T, n *node) { makeLinks(t, n.dir) }, theHosts, ""},
	"podview serves":                  {func(t *testing.T, n *node) { n.serve(t) }, itsLimits, itsLimits},
	"the pod is deleted":              {podDeleted, theHosts, errorsNow},
	"its first process is killed":     {holderKilled, theHosts, errorsNow},
	"all are killed":                  {allKilled, waits, errorsNow},
	"all are killed, a start refused": {allKilledAndRefused, theHosts, errorsNow},
	"all are killed, then podview links": {func(t *testing.T, n *node) {
		allKilled(t, n)
		makeLinks(t, n.dir)
	}, theHosts, errorsNow},
	"node rebooted": {nodeRebooted, theHosts, ""},
	"links made while podview serves": {func(t *testing.T, n *node) {
		n.serve(t)
		makeLinks(t, n.dir)
	}, itsLimits, itsLimits},
}

// TestGuarantees: each row, and then podview comes back: all see their limits.
func TestGuarantees(t *testing.T) {
	needRoot(t)
	for name, s := range situations {
		t.Run(name, func(t *testing.T) {
			n := &node{dir: filepath.Join(t.TempDir(), "view")}
			s.arrange(t, n)
			began := time.Now()
			pod, got := newPod(t, n.dir)
			t.Logf("a new pod: %s, after %v", got, time.Since(began).Round(time.Millisecond))
			if got != s.starting {
				t.Errorf("a new pod: %s, want: %s", got, s.starting)
			}
			again, got := startsAgain(t, n.dir)
			if got != s.starting {
				t.Errorf("a container that starts again: %s, want: %s", got, s.starting)
			}
			if (n.running != nil) != (s.running != "") {
				t.Fatal("a container runs, or none does")
			}
			if n.running != nil {
				if got := reads(t, n.running); got != s.running {
					t.Errorf("a running container: %s, want: %s", got, s.running)
				}
			}
			back, err := launch(podviewBinary(t), n.dir, "--leave-mounted")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { takeDown(t, back) })
			back.says(t, "Serving")
			for _, c := range []*container{pod, again, n.running} {
				if c != nil {
					waitLimited(t, time.Now(), c)
				}
			}
			if _, got := newPod(t, n.dir); got != itsLimits {
				t.Errorf("a new pod with podview back: %s", got)
			}
		})
	}
}

// TestGuaranteesAreDocumented: docs/guarantees.md has each row, with what a new
// pod finds.
func TestGuaranteesAreDocumented(t *testing.T) {
	text, err := os.ReadFile("docs/guarantees.md") // by make, from the checkout's top
	if err != nil {
		text, err = os.ReadFile("../docs/guarantees.md")
	}
	if err != nil {
		t.Skipf("this is not the checkout: %v", err)
	}
	words := map[string]string{theHosts: "host", itsLimits: "its limits", waits: "**waits**"}
	for name, s := range situations {
		found := false
		for line := range strings.Lines(string(text)) {
			cells := strings.Split(line, " | ")
			found = found || len(cells) == 5 && strings.Contains(cells[1], words[s.starting]) && strings.Contains(cells[4], "`"+name+"`")
		}
		if !found {
			t.Errorf("no row of %s, where a new pod finds: %s", name, s.starting)
		}
	}
}

// serve starts podview as the DaemonSet does, and a container with the view.
func (n *node) serve(t *testing.T, flags ...string) *server {
	t.Helper()
	s := serveOn(t, n.dir, append(flags, "--leave-mounted")...)
	n.running = enclosed(t, n.dir)
	waitLimited(t, time.Now(), n.running)
	return s
}

func takeDown(t *testing.T, s *server) {
	crash(t, s)
	for unix.Unmount(s.dir, unix.MNT_DETACH) == nil {
	}
}

func makeLinks(t *testing.T, dir string, flags ...string) {
	t.Helper()
	stdout, stderr, code := runHere(t, exec.Command(podviewBinary(t), append([]string{"links", "--mount", dir}, flags...)...))
	if code != 0 || !strings.Contains(stdout, dir) {
		t.Fatalf("podview links: exit code %d\n%s%s", code, stdout, stderr)
	}
}

func podDeleted(t *testing.T, n *node) {
	if err := n.serve(t).terminate(); err != nil {
		t.Error(err)
	}
}

func holderKilled(t *testing.T, n *node) {
	s := n.serve(t)
	s.child(t, "guard")
	_ = s.cmd.Process.Kill()
	<-s.exited
	eventually(t, "the dead mount to be off "+n.dir, func() bool { return mountsOn(t, n.dir) == 0 })
}

// allKilled leaves nobody who could take the dead mount off.
func allKilled(t *testing.T, n *node) {
	s := n.serve(t)
	guard := s.child(t, "guard")
	_ = unix.Kill(guard, unix.SIGSTOP) // the holder would start another
	crash(t, s)
	if mountsOn(t, n.dir) != 1 {
		t.Fatal("the dead mount is gone")
	}
}

func allKilledAndRefused(t *testing.T, n *node) {
	allKilled(t, n)
	refusedStart(t, n.dir, "--cgroup=v3")
}

func refusedStart(t *testing.T, dir string, flags ...string) {
	t.Helper()
	cmd := exec.Command(podviewBinary(t), append([]string{"serve", "--mount", dir, "--leave-mounted"}, flags...)...)
	if _, stderr, code := runHere(t, cmd); code <= 0 {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
}

// nodeRebooted: what is on disk is left.
func nodeRebooted(t *testing.T, n *node) {
	s := n.serve(t)
	n.running = nil
	takeDown(t, s)
}

// TestRefusedStart: whatever podview refuses to start for, pods start.
func TestRefusedStart(t *testing.T) {
	needRoot(t)
	taken := freeAddress(t)
	serveOn(t, filepath.Join(t.TempDir(), "view"), "--probe-address", taken)
	for name, flags := range map[string][]string{
		"a cgroup version that is not here": {"--cgroup=v2", "--host-cgroup=" + t.TempDir()},
		"a flag of a later version":         {"--of-a-later-version=1"},
		"a value of a later version":        {"--uptime=later"},
		"a port that is taken":              {"--probe-address=" + taken},
		"no CPUs":                           {"--host-sys=" + t.TempDir()},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "view")
			refusedStart(t, dir, flags...)
			if _, got := newPod(t, dir); got != theHosts {
				t.Errorf("a new pod: %s", got)
			}
		})
	}
	t.Run("no FUSE device", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "view")
		cmd := exec.Command("/bin/sh", "-c", `mount -t tmpfs none /dev && exec "$0" serve --mount "$1"`, podviewBinary(t), dir)
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
		if _, stderr, code := runHere(t, cmd); code <= 0 || !strings.Contains(stderr, "no FUSE device") {
			t.Fatalf("exit code %d\n%s", code, stderr)
		}
		if _, got := newPod(t, dir); got != theHosts {
			t.Errorf("a new pod: %s", got)
		}
	})
}

// TestQuickerThanTheMount: a pod that waited for its volumes starts as soon as
// the first podview of a node has made the links, and before it has mounted.
func TestQuickerThanTheMount(t *testing.T) {
	needRoot(t)
	dir, runDir := filepath.Join(t.TempDir(), "view"), t.TempDir()
	lock, err := os.Create(filepath.Join(runDir, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	s := launchOn(t, podviewBinary(t), dir, "--run-dir", runDir)
	s.says(t, "Waiting until the mount is free")
	c, got := newPod(t, dir)
	if got != theHosts {
		t.Fatalf("before the mount: %s", got)
	}
	lock.Close()
	s.says(t, "Serving")
	waitLimited(t, time.Now(), c)
}

// TestOtherVersionsLinks: what a version with another list of paths has made is
// there for the pods that were made under it, where no podview serves. Where
// this one does, it has what it knows.
func TestOtherVersionsLinks(t *testing.T) {
	needRoot(t)
	n := &node{dir: filepath.Join(t.TempDir(), "view")}
	other := filepath.Join(n.dir, "proc/vmstat")
	makeLinks(t, n.dir)
	if err := os.Symlink("/proc/vmstat", other); err != nil {
		t.Fatal(err)
	}
	s := n.serve(t)
	if volumeFound(other, false) {
		t.Error("a path that this podview does not know is in its view")
	}
	if err := s.terminate(); err != nil {
		t.Error(err)
	}
	makeLinks(t, n.dir)
	if !volumeFound(other, false) {
		t.Error("the link of a path that this podview does not know is gone")
	}
}

// TestLinksWithoutPrivileges: a container that may not look under a mount has
// nothing to do where podview serves, and says so where it does not.
func TestLinksWithoutPrivileges(t *testing.T) {
	needRoot(t)
	top := t.TempDir()
	for _, dir := range []string{top, filepath.Dir(top)} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(top, "view")
	links := func() (stdout, stderr string, code int) {
		cmd := exec.Command(podviewBinary(t), "links", "--mount", dir, "--run-dir", filepath.Join(top, "run"))
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		return runHere(t, asNobody(t, cmd))
	}
	s := serveOn(t, dir)
	if _, stderr, code := links(); code != 0 {
		t.Errorf("with podview: exit code %d\n%s", code, stderr)
	}
	crash(t, s)
	if _, stderr, code := links(); code != 1 || !strings.Contains(stderr, dir) {
		t.Errorf("on a dead mount: exit code %d\n%s", code, stderr)
	}
}
