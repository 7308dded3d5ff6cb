package host

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func self(path string) string { return path }

func newTestFiles(kept *Kept) *Files[string, int] { return NewFiles[string, int](kept, self) }

func wantText(t *testing.T, want string, got []byte, err error) {
	t.Helper()
	if err != nil || string(got) != want {
		t.Errorf("got %.80q, error %v, want %.80q", got, err, want)
	}
}

func rewrite(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestFilesAreReadAfresh(t *testing.T) {
	f, file := newTestFiles(NewKept(10)), write(t, []byte("one"))
	text, first, err := f.Append([]byte("before "), file)
	wantText(t, "before one", text, err)
	first.Value = 7
	rewrite(t, file, "number two")
	text, second, err := f.AppendAll(nil, file)
	wantText(t, "number two", text, err)
	if second.Value != 7 || second.Number != first.Number || f.Opening(file) != first {
		t.Errorf("the file was opened again: %+v, %+v", first, second)
	}
}

func TestFilesOfAllSizes(t *testing.T) {
	f := newTestFiles(NewKept(100))
	for _, size := range []int{0, 1, firstReadBytes - 1, firstReadBytes, firstReadBytes + 1, 5 * firstReadBytes, maxFileBytes} {
		want := strings.Repeat("x", size)
		file := write(t, []byte(want))
		for _, buf := range [][]byte{nil, make([]byte, 0, 10), make([]byte, 0, 2*firstReadBytes)} {
			text, _, err := f.Append(buf, file)
			wantText(t, want, text, err)
			text, _, err = f.AppendAll(buf, file)
			wantText(t, want, text, err)
		}
	}
	tooLarge := write(t, make([]byte, maxFileBytes+1))
	if _, _, err := f.Append(nil, tooLarge); !errors.Is(err, unix.EFBIG) {
		t.Errorf("too large: %v", err)
	}
	if _, _, err := f.AppendAll(nil, tooLarge); !errors.Is(err, unix.EFBIG) {
		t.Errorf("too large, in pieces: %v", err)
	}
}

func TestFilesErrors(t *testing.T) {
	f := newTestFiles(NewKept(10))
	for path, want := range map[string]error{
		t.TempDir():    unix.EISDIR,
		"/proc/\x00":   unix.EINVAL,
		"/proc/a\x00b": unix.EINVAL,
		"/no/such":     fs.ErrNotExist,
	} {
		for range 2 { // the second finds it remembered
			_, _, err := f.Append(nil, path)
			var pathErr *fs.PathError
			if !errors.Is(err, want) || !errors.As(err, &pathErr) || pathErr.Path != path {
				t.Errorf("%q: got error %v, want a *fs.PathError of %v", path, err, want)
			}
		}
	}
	if _, _, err := f.Stat("/no/such\x00"); !errors.Is(err, unix.EINVAL) {
		t.Errorf("Stat: %v", err)
	}
	if _, _, err := f.Stat("/no/such"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat: %v", err)
	}
}

func TestMissingFileThatComes(t *testing.T) {
	f, file := newTestFiles(NewKept(10)), filepath.Join(t.TempDir(), "late")
	for range 3 {
		if _, _, err := f.Append(nil, file); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("got error %v", err)
		}
	}
	rewrite(t, file, "here")
	text, _, err := f.Append(nil, file)
	wantText(t, "here", text, err)
	if n := f.kept.Open(); n != 1 {
		t.Errorf("%d kept, want 1", n)
	}
}

func TestStat(t *testing.T) {
	f, dir := newTestFiles(NewKept(10)), t.TempDir()
	want, err := Inode(dir)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if inode, _, err := f.Stat(dir); err != nil || inode != want {
			t.Errorf("got %d, error %v, want %d", inode, err, want)
		}
	}
	// Another file with the name has another number.
	if err := os.Rename(dir, dir+".old"); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir + ".old")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if inode, _, err := f.Stat(dir); err != nil || inode == want {
		t.Errorf("got %d, error %v: the old directory's", inode, err)
	}
}

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
	lately := func(maxAge time.Duration, beside uint64) string {
		text, _, err := f.AppendLately([]byte("before "), file, maxAge, beside)
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
		beside uint64
		want   string
	}{
		{"young enough", time.Hour, 1, "old"},
		{"no age allowed", 0, 1, "new"},
		{"no proof", time.Hour, 0, "new"},
		{"still there for the first", time.Hour, 1, "old"},
		{"beside another opening", time.Hour, 2, "new"},
		{"and kept for that", time.Hour, 2, "new"},
	} {
		if got := lately(test.maxAge, test.beside); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
	rewrite(t, file, "newest")
	time.Sleep(time.Millisecond)
	if got := lately(time.Microsecond, 2); got != "newest" {
		t.Errorf("too old: got %q", got)
	}
}
