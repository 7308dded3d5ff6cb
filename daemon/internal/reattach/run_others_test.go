package reattach

import (
	"context"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/fusedev"
	"github.com/podview/podview/daemon/paths"
)

// What others have mounted where the view could be, and views elsewhere, stay.
func TestRunLeavesOthersAlone(t *testing.T) {
	needRoot(t)
	dir, other := openDir(t), openDir(t)
	kill := serveView(t, dir)
	serveView(t, other)
	c := startContainer(t, "foreign", spec{Binds: []bind{
		{Source: dir, Target: "/view"},
		{Source: dir + "/proc/uptime", Target: "/proc/loadavg"},  // a dead view's, of another path
		{Source: other + "/proc/uptime", Target: "/proc/uptime"}, // a living view's, of another daemon
		{Source: "/proc/stat", Target: "/proc/diskstats"},        // the host's, of another path
		{Source: "/proc/version", Target: "/proc/version"},       // the host's, of a path not emulated
		{Source: "/proc/cpuinfo", Target: "/proc/cpuinfo"},       // fail open, but
		{Target: "/proc/cpuinfo", Type: "file"},                  // somebody's file is on top
		{Source: dir + "/proc/meminfo", Target: "/proc/meminfo"}, // dead, but
		{Target: "/proc/meminfo", Type: "file"},                  // the same
		{Target: "/proc/stat", Type: "fuse.lxcfs"},               // dead, but lxcfs's
		{Source: dir + "/proc/swaps", Target: "/proc/swaps"},     // ours
		{Source: dir + paths.NodeDir, Target: paths.NodeDir},     // ours
		{Target: "/proc/sys", Type: "tmpfs"},                     // as runtimes mask
		{Source: dir + paths.CPUDir, Target: paths.CPUDir},       // ours, but
		{Source: "/dev/null", Target: paths.CPUDir + "/online"},  // with what would be lost
	}}, 0)
	kill()
	if _, err := fusedev.Clear(dir); err != nil {
		t.Fatal(err)
	}
	serveView(t, dir)
	before := c.mounts(t)
	report, err := Run(context.Background(), Config{View: dir, Proc: node(t, c)})
	if err != nil || len(report.Containers) != 1 {
		t.Fatalf("%+v, %v", report, err)
	}
	got := report.Containers[0]
	if want := []string{"/proc/swaps", paths.NodeDir}; !slices.Equal(got.Replaced, want) {
		t.Errorf("replaced %q, want %q", got.Replaced, want)
	}
	if err := got.Err(); err == nil || len(got.Failures) != 1 || !strings.Contains(err.Error(), paths.CPUDir+"/online") {
		t.Errorf("a file mounted below: %v", err)
	}
	if got, want := foreign(c.mounts(t)), foreign(before); got != want {
		t.Errorf("mounts were\n%sand are\n%s", want, got)
	}
}

// foreign is the lines that are not of the two replaced mounts.
func foreign(mountinfo string) (lines string) {
	for line := range strings.Lines(mountinfo) {
		if point := strings.Fields(line)[4]; point != "/proc/swaps" && point != paths.NodeDir {
			lines += line
		}
	}
	return lines
}

// One whose daemon is stopped is named, and waited for once.
func TestRunNamesSilentViews(t *testing.T) {
	needRoot(t)
	dir, other := openDir(t), openDir(t)
	serveView(t, dir)
	stopped := startDaemon(t, other)
	c := startContainer(t, "stopped", spec{Binds: bindAll(other)}, 0)
	if err := stopped.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	before := c.mounts(t)
	report, err := Run(context.Background(), Config{View: dir, Proc: node(t, c)})
	if err != nil || len(report.Containers) != 1 || len(report.Containers[0].Failures) != len(emulated()) {
		t.Fatalf("%+v, %v", report, err)
	}
	if err := report.Containers[0].Err(); !strings.Contains(err.Error(), "/proc/meminfo: its podview does not answer") {
		t.Error(err)
	}
	if after := c.mounts(t); after != before {
		t.Errorf("mounts were\n%sand are\n%s", before, after)
	}
}

func TestRunRefuses(t *testing.T) {
	needRoot(t)
	tmpfs, part, living := t.TempDir(), t.TempDir(), openDir(t)
	if err := unix.Mount("tmpfs", tmpfs, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(tmpfs, unix.MNT_DETACH) })
	serveView(t, living)
	if err := unix.Mount(living+"/proc", part, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(part, unix.MNT_DETACH) })
	for name, view := range map[string]string{
		"nothing mounted": t.TempDir(), "a tmpfs": tmpfs, "no such directory": "/proc/no/such", "in a view": living + "/proc", "a part of a view": part,
	} {
		if report, err := Run(context.Background(), Config{View: view, Proc: node(t)}); err == nil || !strings.Contains(err.Error(), view) {
			t.Errorf("%s: %+v, %v", name, report, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, Config{View: living, Proc: node(t, startContainer(t, "any", spec{}, 0))}); err == nil {
		t.Error("a context that is over did not stop it")
	}
	if _, err := Run(context.Background(), Config{View: living, Proc: t.TempDir()}); err == nil {
		t.Error("a procfs without processes")
	}
}
