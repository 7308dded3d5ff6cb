package host_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/podview/podview/daemon/internal/cgroup/cgrouptest"
	"github.com/podview/podview/daemon/internal/host"
)

// watched counts the changes in this machine's cgroups.
func watched(t *testing.T) *host.Changes {
	t.Helper()
	if os.Geteuid() != 0 || len(cgrouptest.Dirs()) == 0 {
		t.Skip("watching cgroups needs root, and cgroups")
	}
	changes := host.NewChanges(cgrouptest.Dirs())
	t.Cleanup(func() { changes.Rest(); changes.Rest() })
	if err := changes.Reports(); err != nil {
		t.Fatal(err)
	}
	return changes
}

// same tells whether any of a few counts in a row is the one before it: other
// programs write to their cgroups, and seconds end.
func same(changes *host.Changes) bool {
	for range 20 {
		if before, after := changes.Count(), changes.Count(); before == after {
			return true
		}
	}
	return false
}

// write does what the kernel takes for one write(2), and no more: truncating a
// file would be reported too.
func write(file, text string) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(text)
	return err
}

// TestChangesAreCounted: who counts after something was written has another
// count than who counted before.
func TestChangesAreCounted(t *testing.T) {
	changes := watched(t)
	dir := filepath.Join(cgrouptest.Dirs()[0], fmt.Sprintf("podview-changes-%d", os.Getpid()))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(dir) })
	moved := exec.Command("sleep", "1000")
	if err := moved.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = moved.Process.Kill(); _ = moved.Wait() }) // before the cgroup is removed
	if !same(changes) {
		t.Error("it counts without a change")
	}
	for range 20 { // what others do would hide that it is not counted: not each time
		count := changes.Count()
		if err := write(filepath.Join(dir, "cgroup.procs"), strconv.Itoa(moved.Process.Pid)); err != nil {
			t.Fatal(err)
		}
		if changes.Count() == count {
			t.Fatal("a process that was moved is not counted")
		}
	}
}

// TestMoreChangesThanReports writes to more files than it takes reports of at
// a time.
func TestMoreChangesThanReports(t *testing.T) {
	changes := watched(t)
	var dirs []string
	for i := range 200 {
		dir := filepath.Join(cgrouptest.Dirs()[0], fmt.Sprintf("podview-changes-%d-%d", os.Getpid(), i))
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Remove(dir) })
		dirs = append(dirs, dir)
	}
	file, text := "notify_on_release", "0"
	if cgrouptest.IsV2() {
		file, text = "cgroup.max.depth", "max"
	}
	before, open := changes.Count(), openFiles(t)
	for _, dir := range dirs {
		if err := write(filepath.Join(dir, file), text); err != nil {
			t.Fatal(err)
		}
	}
	for range dirs { // until all are taken in
		changes.Count()
	}
	if changes.Count() == before || !same(changes) {
		t.Error("the reports never end, or there were none")
	}
	if left := openFiles(t) - open; left > 10 { // the test's own come and go
		t.Errorf("%d files that were reported are left open", left)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

// TestUnwatched: where nothing is reported each count is another.
func TestUnwatched(t *testing.T) {
	for _, dir := range []string{t.TempDir(), "/nonexistent"} {
		changes := host.NewChanges([]string{dir})
		if err := changes.Reports(); err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: error %v", dir, err)
		}
		for range 3 {
			if a, b := changes.Count(), changes.Count(); a == b || a == 0 || changes.Watched() {
				t.Errorf("%s: counts %d and %d", dir, a, b)
			}
		}
	}
}

// TestRest: reports end when nobody has counted between two Rests, and begin
// again with the next Count.
func TestRest(t *testing.T) {
	changes := watched(t)
	changes.Rest()
	if !changes.Watched() {
		t.Error("it rests although somebody counts")
	}
	changes.Count() // mostly the count before
	changes.Rest()
	if !changes.Watched() {
		t.Error("it rests although somebody counts what does not change")
	}
	before := changes.Count()
	changes.Rest() // a second may have ended
	changes.Rest()
	if changes.Watched() {
		t.Error("the reports go on")
	}
	if changes.Count() == before || !changes.Watched() {
		t.Error("what happened meanwhile is not counted")
	}
}

// TestHold: reports that are held go on, though nobody counts; nor do they
// pile up.
func TestHold(t *testing.T) {
	changes := watched(t)
	changes.Hold()
	changes.Rest()
	changes.Rest()
	if changes.Watched() {
		t.Error("it keeps others awake")
	}
	dir := filepath.Join(cgrouptest.Dirs()[0], fmt.Sprintf("podview-changes-%d", os.Getpid()))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(dir) })
	file, text := filepath.Join(dir, "notify_on_release"), "0"
	if cgrouptest.IsV2() {
		file, text = filepath.Join(dir, "cgroup.max.depth"), "max"
	}
	if err := write(file, text); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); !host.TakenIn(changes); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a report that nobody counts is left")
		}
	}
	if !same(changes) {
		t.Error("it is not watching")
	}
	for range 20 { // what others do would hide that it is not counted: not each time
		count := changes.Count()
		if err := write(file, text); err != nil {
			t.Fatal(err)
		}
		if changes.Count() == count {
			t.Fatal("a write is not counted")
		}
	}
}
