package host

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
