package host

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestReadFile(t *testing.T) {
	for _, size := range []int{0, 1, firstReadBytes - 1, firstReadBytes, firstReadBytes + 1, 5 * firstReadBytes, maxFileBytes} {
		want := bytes.Repeat([]byte{'x'}, size)
		for _, buf := range [][]byte{nil, make([]byte, 7, 10), make([]byte, 0, 2*firstReadBytes)} {
			got, err := ReadFile(write(t, want), buf)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes into a buffer of %d: got %d bytes, error %v", size, cap(buf), len(got), err)
			}
		}
	}
}

func TestReadFileUsesTheBuffer(t *testing.T) {
	buf := make([]byte, 0, firstReadBytes)
	got, err := ReadFile(write(t, []byte("text")), buf)
	if err != nil {
		t.Fatal(err)
	}
	if &got[0] != &buf[:1][0] {
		t.Error("a text that fits was put elsewhere")
	}
}

func TestReadFileErrors(t *testing.T) {
	open := openFiles(t)
	for name, test := range map[string]struct {
		path string
		want error
	}{
		"missing":   {filepath.Join(t.TempDir(), "none"), fs.ErrNotExist},
		"directory": {t.TempDir(), unix.EISDIR},
		"too large": {write(t, make([]byte, maxFileBytes+1)), unix.EFBIG},
		"NUL":       {"/proc/\x00", unix.EINVAL},
	} {
		_, err := ReadFile(test.path, nil)
		var pathErr *fs.PathError
		if !errors.Is(err, test.want) || !errors.As(err, &pathErr) || pathErr.Path != test.path {
			t.Errorf("%s: got error %v, want a *fs.PathError of %v for %q", name, err, test.want, test.path)
		}
	}
	if now := openFiles(t); now != open {
		t.Errorf("%d descriptors open, %d before", now, open)
	}
}

func TestInode(t *testing.T) {
	dir := t.TempDir()
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Inode(dir)
	if want := info.Sys().(*syscall.Stat_t).Ino; err != nil || got != want {
		t.Errorf("got %d, error %v, want %d", got, err, want)
	}
	if _, err := Inode(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: got error %v", err)
	}
}

func write(t *testing.T, text []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func openFiles(t *testing.T) int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(fds)
}
