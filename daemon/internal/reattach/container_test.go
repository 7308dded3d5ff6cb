package reattach

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// spec is a container: an empty tmpfs with /proc and /sys, and binds.
type spec struct {
	Root   string // directory to mount the root on; "/" for the host's root
	Chroot bool   // chroot(2) instead of pivot_root(2)
	Binds  []bind
	Nested bool // then start a copy of the namespace, owned by a user namespace
}

// bind is a bind mount. With a Type it is a new, dead FUSE mount or a tmpfs.
type bind struct{ Source, Target, Type string }

// container is a running one.
type container struct {
	pid     int
	in      io.WriteCloser
	answers *bufio.Reader
	name    string
	mapped  bool // its root is not the host's
}

// openDir is a temporary directory that users other than root get through to.
func openDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// reply is what reading a file gave.
type reply struct {
	Text  string
	Errno syscall.Errno
}

// sharedDir is a directory below a shared mount, as everything is on a host
// with systemd.
func sharedDir(t *testing.T) string {
	t.Helper()
	dir := openDir(t)
	if err := unix.Mount(dir, dir, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	view := filepath.Join(dir, "view")
	err := unix.Mount("", dir, "", unix.MS_SHARED, "")
	if err == nil {
		err = os.Mkdir(view, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return view
}

// bindAll binds every emulated path from the tree at source.
func bindAll(source string) (all []bind) {
	for _, p := range emulated() {
		all = append(all, bind{Source: source + p.Path, Target: p.Path})
	}
	return all
}

func startContainer(t *testing.T, name string, s spec, flags uintptr) *container {
	t.Helper()
	if s.Root = openDir(t); s.Nested {
		s.Root = "/" // whose libraries the second start needs
	}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), containerEnv+"="+string(text))
	cmd.SysProcAttr = attr(flags)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	answers := startChild(t, cmd)
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return &container{pid: cmd.Process.Pid, in: in, answers: answers, name: name, mapped: s.Nested || flags != 0}
}

// firstHostID is root in a user namespace, as with hostUsers: false.
const firstHostID = 100000

// attr has no Pdeathsig, which would go by the thread that starts the container;
// Run ends threads. Without us the container reads the end of its input.
func attr(flags uintptr) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | flags}
	if flags&unix.CLONE_NEWUSER != 0 {
		ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: firstHostID, Size: 1 << 16}}
		a.UidMappings, a.GidMappings = ids, ids
		a.Credential = &syscall.Credential{}
	}
	return a
}

// read reads a file in the container, or in its nested copy.
func (c *container) read(t *testing.T, path string) reply {
	t.Helper()
	var r reply
	if _, err := fmt.Fprintln(c.in, path); err != nil {
		t.Fatalf("%s: %v", c.name, err)
	}
	line, err := c.answers.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &r)
	}
	if err != nil {
		t.Fatalf("%s: %q: %v", c.name, line, err)
	}
	return r
}

// nested is the pid of a nested copy.
func (c *container) nested(t *testing.T) int {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", c.pid))
	if err != nil {
		t.Fatal(err)
	}
	var children []byte
	for _, file := range tasks {
		text, _ := os.ReadFile(file) // threads come and go
		children = append(children, text...)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(children)))
	if err != nil {
		t.Fatalf("%s: nested: %v", c.name, err)
	}
	return pid
}

func (c *container) mounts(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", c.pid))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
