package host_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/podview/podview/daemon/internal/cgroup/cgrouptest"
	"github.com/podview/podview/daemon/internal/host"
)

func newFiles(max int) (*host.Files[string, int], *host.Kept) {
	kept := host.NewKept(max)
	return host.NewFiles[string, int](kept, func(path string) string { return path }), kept
}

// TestCgroupOfTheSameName: a kept file of a cgroup that is gone fails, and
// gives way to the file of the next cgroup with that name.
func TestCgroupOfTheSameName(t *testing.T) {
	c := cgrouptest.Start(t, fmt.Sprintf("/podview-test-files-%d", os.Getpid()), "exec sleep 1000")
	f, _ := newFiles(10)
	limit := map[bool]string{false: "memory.limit_in_bytes", true: "memory.max"}[cgrouptest.IsV2()]
	file := filepath.Join(c.Dir("memory"), limit)
	stat := filepath.Join(c.Dir("memory"), "memory.stat")
	read := func(want int) *host.Opening[int] {
		t.Helper()
		c.LimitMemory(want)
		text, opening, err := f.Append(nil, file)
		if err != nil || strings.TrimSpace(string(text)) != fmt.Sprint(want) {
			t.Errorf("got %q, error %v, want %d", text, err, want)
		}
		return opening
	}
	first := read(64 << 20)
	first.Value = 1
	if _, _, err := f.AppendLately(nil, stat, time.Hour, first.Number); err != nil {
		t.Fatal(err)
	}
	if second := read(32 << 20); second != first {
		t.Error("another limit, another opening")
	}
	c.Stop()
	if text, _, err := f.Append(nil, file); !host.IsMissing(err) {
		t.Errorf("removed: got %q, error %v", text, err)
	}
	c.Restart("exec sleep 1000")
	third := read(16 << 20)
	if third == first || third.Value != 0 {
		t.Errorf("the new cgroup has what was known of the old one: %+v", third)
	}
	if _, opening, err := f.AppendLately(nil, stat, time.Hour, third.Number); err != nil || opening.Number < third.Number {
		t.Errorf("memory.stat: opening %+v, error %v: the old cgroup's", opening, err)
	}
}

func TestEndedProcess(t *testing.T) {
	process := exec.Command("sleep", "1000")
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	f, _ := newFiles(10)
	file := fmt.Sprintf("/proc/%d/cgroup", process.Process.Pid)
	text, _, err := f.Append(nil, file)
	if err != nil || len(text) == 0 {
		t.Fatalf("got %q, error %v", text, err)
	}
	_ = process.Process.Kill()
	_ = process.Wait()
	if text, _, err := f.Append(nil, file); !host.IsMissing(err) {
		t.Errorf("ended: got %q, error %v", text, err)
	}
}

// TestDescriptorsAreNotMixedUp: files are closed under many readers, and
// none may read what another file's descriptor number leads to now.
func TestDescriptorsAreNotMixedUp(t *testing.T) {
	const files, readers, reads = 20, 4, 3000
	f, kept := newFiles(5)
	dir := t.TempDir()
	for i := range files {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), []byte(fmt.Sprint(i)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var wait sync.WaitGroup
	for r := range readers {
		wait.Go(func() {
			var text []byte
			for i := range reads {
				want := fmt.Sprint((i*7 + r) % files)
				var err error
				if text, _, err = f.Append(text[:0], filepath.Join(dir, want)); err != nil || string(text) != want {
					t.Errorf("got %q, error %v, want %s", text, err, want)
					return
				}
				if i%100 == 0 {
					kept.Sweep()
				}
			}
		})
	}
	wait.Wait()
	if kept.Open() > 5+readers {
		t.Errorf("%d kept", kept.Open())
	}
}
