package host

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestFilesBound reads more files than may be kept.
func TestFilesBound(t *testing.T) {
	const max, files = 10, 100
	kept, dir := NewKept(max+5), t.TempDir()
	part := kept.Part(5)
	f := newTestFiles(kept)
	before := openFiles(t)
	for i := range files {
		rewrite(t, filepath.Join(dir, fmt.Sprint(i)), fmt.Sprint("file ", i))
	}
	for range 3 {
		for i := range files {
			text, _, err := f.Append(nil, filepath.Join(dir, fmt.Sprint(i)))
			wantText(t, fmt.Sprint("file ", i), text, err)
		}
	}
	if n := kept.Open(); n != max || openFiles(t) != before+max {
		t.Errorf("%d kept, %d descriptors, want %d", n, openFiles(t)-before, max)
	}
	if f.Opening(filepath.Join(dir, fmt.Sprint(files-1))) == nil {
		t.Error("the file read last was not kept: none makes room")
	}
	if kept.Max() != max || part.Max() != 5 {
		t.Errorf("bounds %d and %d", kept.Max(), part.Max())
	}
	none := newTestFiles(NewKept(0))
	text, _, err := none.Append(nil, filepath.Join(dir, "1"))
	wantText(t, "file 1", text, err)
	if none.kept.Open() != 0 || openFiles(t) != before+max {
		t.Error("a file was kept although none may be")
	}
}

func TestSweepClosesIdleFiles(t *testing.T) {
	kept := NewKept(10)
	f, busy, idle := newTestFiles(kept.Part(5)), write(t, []byte("busy")), write(t, []byte("idle"))
	before := openFiles(t)
	for _, file := range []string{busy, idle, "/no/such"} {
		_, _, _ = f.Append(nil, file)
	}
	_, number, _ := f.Append(nil, busy)
	kept.Sweep()
	if kept.Open() != 3 {
		t.Errorf("%d left by the first sweep, want 3", kept.Open())
	}
	_, _, _ = f.Append(nil, busy)
	kept.Sweep()
	if kept.Open() != 1 || openFiles(t) != before+1 || f.Opening(busy) != number || f.Opening(idle) != nil {
		t.Errorf("%d left, %d descriptors, want the busy one", kept.Open(), openFiles(t)-before)
	}
	text, again, err := f.Append(nil, idle)
	wantText(t, "idle", text, err)
	if again.Value != 0 {
		t.Error("the value outlived the opening")
	}
	kept.Sweep()
	kept.Sweep()
	if kept.Open() != 0 || openFiles(t) != before {
		t.Errorf("%d left, %d descriptors", kept.Open(), openFiles(t)-before)
	}
}

func TestAppendLately(t *testing.T) {
	f, file := newTestFiles(NewKept(10)), write(t, []byte("old"))
	lately := func(maxAge time.Duration, state uint64) string {
		text, _, err := f.AppendLately([]byte("before "), file, maxAge, state)
		if err != nil {
			t.Fatal(err)
		}
		return string(bytes.TrimPrefix(text, []byte("before ")))
	}
	lately(time.Hour, 1)
	rewrite(t, file, "new")
	for _, test := range []struct {
		name   string
		maxAge time.Duration
		state  uint64
		want   string
	}{
		{"young enough", time.Hour, 1, "old"},
		{"no age allowed", 0, 1, "new"},
		{"which changes nothing for others", time.Hour, 1, "old"},
		{"another state", time.Hour, 2, "new"},
		{"and kept for that", time.Hour, 2, "new"},
	} {
		if got := lately(test.maxAge, test.state); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
	rewrite(t, file, "newest")
	time.Sleep(time.Millisecond)
	if got := lately(time.Microsecond, 2); got != "newest" {
		t.Errorf("too old: got %q", got)
	}
}

// placed is a file's name with the cgroup that it is about.
type placed struct{ file, cgroup string }

func (p placed) Branch() string { return p.cgroup }

// owned is what is known of a process: its cgroup.
type owned struct{ cgroup string }

func (o *owned) Branch() string { return o.cgroup }

// TestCrowdMakesRoomForItself: a container that has a thousand files read, of
// cgroups in its own, does not close those of others who read now and then.
func TestCrowdMakesRoomForItself(t *testing.T) {
	const max, others = 200, 20
	dir := t.TempDir()
	file := func(i int) string { return filepath.Join(dir, fmt.Sprint(i)) }
	for i := range 1000 {
		rewrite(t, file(i), "text")
	}
	victim := func(i int) string { return fmt.Sprintf("/kubepods/burstable/pod%d/c", i) }
	crowd := func(i int) string { return fmt.Sprintf("/kubepods/burstable/pod/c/%d", i) }

	byKey := NewFiles[placed, struct{}](NewKept(max), func(p placed) string { return p.file })
	byValue := NewFiles[string, owned](NewKept(max), self)
	read := func(file, cgroup string) {
		t.Helper()
		if _, _, err := byKey.Append(nil, placed{file, cgroup}); err != nil {
			t.Fatal(err)
		}
		_, open, err := byValue.Append(nil, file)
		if err != nil {
			t.Fatal(err)
		}
		open.Value.cgroup = cgroup
	}
	for i := range others {
		read(file(i), victim(i))
	}
	for i := others; i < 1000; i++ {
		read(file(i), crowd(i))
	}
	closedByKey, closedByValue := 0, 0
	for i := range others {
		if byKey.Opening(placed{file(i), victim(i)}) == nil {
			closedByKey++
		}
		if byValue.Opening(file(i)) == nil {
			closedByValue++
		}
	}
	if closedByKey > 0 || closedByValue > 0 {
		t.Errorf("of %d files of others were closed: %d known by key, %d by value", others, closedByKey, closedByValue)
	}
	byKey.kept.Sweep()
	byKey.kept.Sweep()
	byValue.kept.Sweep()
	byValue.kept.Sweep()
}

// TestNoDescriptorIsFree: a file that is kept makes room.
func TestNoDescriptorIsFree(t *testing.T) {
	kept := NewKept(10)
	f, other := newTestFiles(kept), newTestFiles(kept.Part(5))
	for range 3 {
		_, _, err := other.Append(nil, write(t, []byte("kept")))
		wantText(t, "", nil, err)
	}
	late := write(t, []byte("late"))
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	free, err := unix.Dup(0) // the lowest
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(free)
	none := unix.Rlimit{Cur: uint64(free), Max: before.Max}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	text, _, err := f.Append(nil, late)
	_, _, missing := f.Append(nil, late+".missing")
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	wantText(t, "late", text, err)
	if !IsMissing(missing) {
		t.Errorf("a file that is not there: %v", missing)
	}
	for kept.Spare() {
	}
	if n := kept.Open(); n != 0 {
		t.Errorf("%d are kept after all were closed", n)
	}
}
