package reattach

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/fusedev"
	"github.com/podview/podview/daemon/paths"
)

func everything() (all []string) {
	for _, p := range emulated() {
		all = append(all, p.Path)
	}
	return all
}

// attach attaches all paths, and wants these in the report.
func attach(t *testing.T, config Config, c *container, want []string) Container {
	t.Helper()
	got, err := Attach(config, Target{PID: c.pid, Paths: everything()})
	if err != nil || !slices.Equal(got.Replaced, want) {
		t.Errorf("%s: attached %q, %v, want %q", c.name, got.Replaced, err, want)
	}
	return got
}

// Containers that never had the view, or have it no more.
func TestAttach(t *testing.T) {
	needRoot(t)
	const masks = paths.CPUDir + "/cpu0" // a directory of the kernel's and the view
	dir := openDir(t)
	kill := serveView(t, dir)
	bare := startContainer(t, "bare", spec{}, 0)
	mapped := startContainer(t, "user namespace", spec{}, unix.CLONE_NEWUSER)
	masked := startContainer(t, "masked", spec{Binds: []bind{{Target: masks, Type: "tmpfs"}}}, 0)
	failOpen := startContainer(t, "fail open", spec{Binds: bindAll("")}, 0)
	onView := startContainer(t, "dead", spec{Binds: bindAll(dir)}, 0)
	all := []*container{bare, mapped, masked, failOpen, onView}
	config := Config{View: dir, Proc: node(t, all...)}
	kill()
	if got, err := Attach(config, Target{PID: bare.pid, Paths: everything()}); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("attached a dead view: %+v, %v", got, err)
	}
	if _, err := fusedev.Clear(dir); err != nil {
		t.Fatal(err)
	}
	serveView(t, dir)
	before := mountsOf(t, all)
	dry := config
	dry.DryRun = true
	attach(t, dry, bare, everything())
	if !slices.Equal(mountsOf(t, all), before) {
		t.Error("a dry run changed mounts")
	}
	for _, c := range all {
		if got := attach(t, config, c, everything()); got.Err() != nil {
			t.Errorf("%s: %v", c.name, got.Err())
		}
		c.sees(t, reply{Text: viewText(dir)})
	}
	checkAttached(t, slices.DeleteFunc(slices.Clone(all), func(c *container) bool { return c == masked }))
	if n := strings.Count(masked.mounts(t), " "+masks+" ro,"); n != 2 { // one of them on the view
		t.Errorf("%d masks on %s:\n%s", n, masks, masked.mounts(t))
	}
	after := mountsOf(t, all)
	for _, c := range all {
		attach(t, config, c, nil)
	}
	if !slices.Equal(mountsOf(t, all), after) {
		t.Error("attached again what was there")
	}
}

// What others have mounted at a path, above it or below it wins.
func TestAttachLeavesOthersAlone(t *testing.T) {
	needRoot(t)
	dir, other := openDir(t), openDir(t)
	serveView(t, dir)
	serveView(t, other)
	at := startContainer(t, "at the path", spec{Binds: []bind{
		{Target: "/proc/meminfo", Type: "file"},
		{Source: "/proc/version", Target: "/proc/uptime"},
		{Source: other + "/proc/stat", Target: "/proc/stat"},
		{Source: "/dev/null", Target: paths.CPUDir + "/online"}, // below
	}}, 0)
	above := startContainer(t, "above", spec{Binds: []bind{{Target: "/sys/devices/system", Type: "tmpfs"}, {Target: "/proc", Type: "tmpfs"}}}, 0)
	hosts := startContainer(t, "the host's /proc", spec{Binds: []bind{{Source: "/proc", Target: "/proc"}}}, 0)
	config := Config{View: dir, Proc: node(t, at, above, hosts)}
	free := slices.DeleteFunc(everything(), func(p string) bool {
		return slices.Contains([]string{"/proc/meminfo", "/proc/uptime", "/proc/stat", paths.CPUDir}, p)
	})
	if got := attach(t, config, at, free); got.Err() == nil || !strings.Contains(got.Err().Error(), paths.CPUDir+"/online") {
		t.Errorf("below: %v", got.Err())
	}
	if r := at.read(t, "/proc/meminfo"); r.Text != "a file\n" {
		t.Errorf("the container's own file reads %+v", r)
	}
	if r := at.read(t, "/proc/stat"); r.Text != viewText(other) {
		t.Errorf("another podview's living view reads %+v", r)
	}
	attach(t, config, above, nil)
	attach(t, config, hosts, []string{paths.CPUDir, paths.NodeDir})

	if got, err := Attach(config, Target{PID: above.pid, Paths: nil}); err != nil || len(got.Replaced)+len(got.Failures) != 0 {
		t.Errorf("no paths: %+v, %v", got, err)
	}
}

// A pid that is not the container's, or nobody's, or on the host.
func TestAttachToStranger(t *testing.T) {
	needRoot(t)
	dir := openDir(t)
	serveView(t, dir)
	c := startContainer(t, "stranger", spec{}, 0)
	config := Config{View: dir, Proc: node(t, c)}
	before := c.mounts(t)
	got, err := Attach(config, Target{PID: c.pid, ID: "0123456789abcdef", Paths: everything()})
	if err != nil || got.Err() == nil || !strings.Contains(got.Err().Error(), "0123456789abcdef") || len(got.Replaced) != 0 {
		t.Errorf("another container's pid: %+v, %v", got, err)
	}
	if c.mounts(t) != before {
		t.Error("its mounts have changed")
	}
	for name, pid := range map[string]int{"nobody's": 1 << 29, "our own": unix.Getpid(), "our parent's": unix.Getppid()} {
		if got, err := Attach(Config{View: dir, Proc: "/proc"}, Target{PID: pid, Paths: everything()}); err != nil || len(got.Replaced)+len(got.Failures) != 0 {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// One that may not be looked at is reported, and nothing is said of the view.
func TestAttachToGuarded(t *testing.T) {
	needRoot(t)
	dir := openDir(t)
	serveView(t, dir)
	proc := node(t)
	if err := os.MkdirAll(filepath.Join(proc, "7", "ns"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("unreadable", filepath.Join(proc, "7", "ns", "mnt")); err != nil {
		t.Fatal(err)
	}
	got, err := Attach(Config{View: dir, Proc: proc}, Target{PID: 7, Paths: everything()})
	if err != nil || got.Err() == nil || !strings.Contains(got.Err().Error(), "unreadable") {
		t.Errorf("%+v, %v", got, err)
	}
}

// Two podviews at the same container, as during a rollout.
func TestAttachTogether(t *testing.T) {
	needRoot(t)
	dir := openDir(t)
	serveView(t, dir)
	c := startContainer(t, "both's", spec{}, 0)
	config := Config{View: dir, Proc: node(t, c)}
	var wait sync.WaitGroup
	var failed [8]error
	for i := range failed {
		wait.Go(func() {
			got, err := Attach(config, Target{PID: c.pid, Paths: everything()})
			if failed[i] = err; err == nil {
				failed[i] = got.Err()
			}
		})
	}
	wait.Wait()
	for _, err := range failed {
		if err != nil {
			t.Error(err)
		}
	}
	if n := strings.Count(c.mounts(t), "fuse.podview"); n != len(everything()) {
		t.Errorf("%d mounts for %d paths:\n%s", n, len(everything()), c.mounts(t))
	}
	c.sees(t, reply{Text: viewText(dir)})
}
