package host_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/podview/podview/daemon/internal/cgroup/cgrouptest"
	"github.com/podview/podview/daemon/internal/host"
)

// watched counts the changes in this machine's cgroups, and makes a cgroup.
func watched(t *testing.T) (changes *host.Changes, dir string) {
	t.Helper()
	if os.Geteuid() != 0 || len(cgrouptest.Dirs()) == 0 {
		t.Skip("watching cgroups needs root, and cgroups")
	}
	changes = host.NewChanges(cgrouptest.Dirs())
	t.Cleanup(changes.Rest)
	dir = filepath.Join(cgrouptest.Dirs()[0], fmt.Sprintf("podview-changes-%d", os.Getpid()))
	mkdir(t, dir)
	t.Cleanup(func() { _ = os.Remove(dir) })
	if !same(changes) {
		t.Skip("the kernel reports no changes of cgroups (before Linux 5.1)")
	}
	return changes, dir
}

func mkdir(t *testing.T, dir string) {
	t.Helper()
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}

// same tells whether any of a few counts in a row is the one before it: other
// programs write to their cgroups, too.
func same(changes *host.Changes) bool {
	for range 20 {
		if changes.Count() == changes.Count() {
			return true
		}
	}
	return false
}

// TestChangesAreCounted: who counts after something was done has another
// count than who counted before.
func TestChangesAreCounted(t *testing.T) {
	changes, dir := watched(t)
	inner, moved := filepath.Join(dir, "inner"), exec.Command("sleep", "1000")
	if err := moved.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = moved.Process.Kill(); _ = moved.Wait() }) // before the cgroup is removed
	for _, change := range []struct {
		name string
		make func() error
	}{
		{"a new cgroup", func() error { return os.Mkdir(inner, 0o755) }},
		{"a process that moves", func() error {
			return os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(moved.Process.Pid)), 0)
		}},
		{"a removed cgroup", func() error { return os.Remove(inner) }},
	} {
		for range 10 { // what others do would hide that it is not counted: not ten times
			count := changes.Count()
			if err := change.make(); err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("%s: %v", change.name, err)
			}
			if changes.Count() == count {
				t.Fatalf("%s is not counted", change.name)
			}
			if change.name != "a process that moves" {
				break
			}
		}
	}
}
