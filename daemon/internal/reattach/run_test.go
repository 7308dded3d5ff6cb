package reattach

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/fusedev"
	"github.com/podview/podview/daemon/paths"
)

// node is a procfs with only the processes that a test made: other tests'
// containers are none of its business.
func node(t *testing.T, containers ...*container) (proc string) {
	t.Helper()
	proc = t.TempDir()
	names := []string{"self", "1"}
	for _, c := range containers {
		names = append(names, fmt.Sprint(c.pid))
	}
	for _, name := range names {
		if err := os.Symlink("/proc/"+name, filepath.Join(proc, name)); err != nil {
			t.Fatal(err)
		}
	}
	return proc
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
}

// file is what to read of an emulated path.
func file(p paths.Path) string {
	switch p.Path {
	case paths.CPUDir:
		return p.Path + "/online"
	case paths.NodeDir:
		return "" // the test's view has no file there
	}
	return p.Path
}

// sees reads every emulated file.
func (c *container) sees(t *testing.T, want reply) {
	t.Helper()
	for _, p := range emulated() {
		if file(p) == "" {
			continue
		}
		want := want
		if c.mapped && p.Mode&0o004 == 0 && want.Errno == 0 {
			want = reply{Errno: syscall.EACCES} // as of the kernel's own
		}
		if got := c.read(t, file(p)); got != want {
			t.Errorf("%s: %s: %q, %v; want %q, %v", c.name, file(p), got.Text, got.Errno, want.Text, want.Errno)
		}
	}
}

var dead = reply{Errno: syscall.ENOTCONN}

// A killed daemon's containers, and those that started without one, get the
// files of the next daemon.
func TestRun(t *testing.T) {
	needRoot(t)
	dir, ctx := sharedDir(t), context.Background()
	kill := serveView(t, dir)
	onView, living := spec{Binds: bindAll(dir)}, reply{Text: viewText(dir)}
	broken := []*container{
		startContainer(t, "pivot_root", onView, 0),
		startContainer(t, "chroot", spec{Binds: onView.Binds, Chroot: true}, 0),
		startContainer(t, "user namespace", onView, unix.CLONE_NEWUSER),
		startContainer(t, "twice on top of each other", spec{Binds: append(bindAll(dir), onView.Binds...)}, 0),
		startContainer(t, "masked", spec{Binds: append(bindAll(dir), bind{Target: throttle, Type: "tmpfs"})}, 0),
	}
	failOpen := startContainer(t, "fail open", spec{Binds: bindAll("")}, 0)
	proc := node(t, append(broken, failOpen)...)
	if report, err := Run(ctx, Config{View: dir, Proc: node(t, broken...)}); err != nil || len(report.Containers) != 0 {
		t.Errorf("nothing to do: %+v, %v", report, err)
	}
	kill()
	for _, c := range broken {
		c.sees(t, dead)
	}
	if _, err := Run(ctx, Config{View: dir, Proc: proc}); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("attached a dead view: %v", err)
	}
	if _, err := fusedev.Clear(dir); err != nil {
		t.Fatal(err)
	}
	serveView(t, dir)

	all := append(broken, failOpen)
	before := mountsOf(t, all)
	checkReport(t, Config{View: dir, Proc: proc, DryRun: true}, all)
	if !slices.Equal(mountsOf(t, all), before) {
		t.Error("a dry run changed mounts")
	}
	checkReport(t, Config{View: dir, Proc: proc}, all)
	for i, c := range all {
		c.sees(t, living)
		if c.name != "twice on top of each other" && strings.Count(before[i], "\n") != strings.Count(c.mounts(t), "\n") {
			t.Errorf("%s: mounts were\n%sand are\n%s", c.name, before[i], c.mounts(t))
		}
	}
	checkAttached(t, broken)
	if report, err := Run(ctx, Config{View: dir, Proc: proc}); err != nil || len(report.Containers) != 0 {
		t.Errorf("again: %+v, %v", report, err)
	}
}

// checkReport runs, and wants all paths of all containers in the report.
func checkReport(t *testing.T, config Config, want []*container) {
	t.Helper()
	report, err := Run(context.Background(), config)
	if err != nil || len(report.Containers) != len(want) {
		t.Fatalf("%+v, %v; want %d containers", report, err, len(want))
	}
	for _, c := range report.Containers {
		i := slices.IndexFunc(want, func(w *container) bool { return w.pid == c.PID })
		if i < 0 || len(c.Replaced) != len(emulated()) || c.Err() != nil {
			t.Errorf("%+v: %v", c, c.Err())
			continue
		}
		t.Logf("%s, dry run %t: %d paths in %v", want[i].name, config.DryRun, len(c.Replaced), c.Took)
	}
}

func mountsOf(t *testing.T, containers []*container) (all []string) {
	t.Helper()
	for _, c := range containers {
		all = append(all, c.mounts(t))
	}
	return all
}

// checkAttached looks at the mounts themselves, and at our own process.
func checkAttached(t *testing.T, containers []*container) {
	t.Helper()
	for _, c := range containers {
		for line := range strings.Lines(c.mounts(t)) {
			fields := strings.Fields(line)
			if fields[len(fields)-3] == "fuse.podview" && (fields[5] != "ro,nosuid,nodev,noexec,relatime" || fields[6] != "-") {
				t.Errorf("%s: not read-only, or not private: %s", c.name, line)
			}
		}
		masked := strings.Contains(c.mounts(t), " "+throttle+" ro,")
		if masked != (c.name == "masked") {
			t.Errorf("%s: %s is masked: %t", c.name, throttle, masked)
		}
	}
	if ours, err := os.Readlink("/proc/thread-self/root"); err != nil || ours != "/" {
		t.Errorf("this thread's root is %s (%v)", ours, err)
	}
	ours, _ := os.Readlink("/proc/self/ns/mnt")
	if parents, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/mnt", os.Getppid())); ours != parents {
		t.Errorf("the main thread has changed its mount namespace")
	}
}

// A sandbox inside a container has a copy of its mounts that the kernel does
// not let anyone take apart.
func TestRunInNestedUserNamespace(t *testing.T) {
	needRoot(t)
	dir := openDir(t)
	kill := serveView(t, dir)
	c := startContainer(t, "nested", spec{Binds: bindAll(dir), Nested: true}, 0)
	inner := &container{pid: c.nested(t), name: "the copy"}
	for range 2 { // the second time on top of the first
		kill()
		c.sees(t, dead)
		if _, err := fusedev.Clear(dir); err != nil {
			t.Fatal(err)
		}
		kill = serveView(t, dir)
		checkReport(t, Config{View: dir, Proc: node(t, c, inner)}, []*container{c, inner})
		c.sees(t, reply{Text: viewText(dir)})
	}
}
