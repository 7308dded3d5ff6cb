package fusefs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/fusedev"
	"github.com/podview/podview/daemon/paths"
)

// fakeTree numbers its answers, so that a test sees when one was made.
type fakeTree struct {
	reads atomic.Int64
	names map[string]uint32 // below paths.CPUDir
}

func (f *fakeTree) Read(dst []byte, _ int, path string) ([]byte, error) {
	if strings.HasSuffix(path, "broken") {
		return nil, errors.New("no such luck")
	}
	return fmt.Appendf(dst, "%s read %d\n%s", path, f.reads.Add(1), strings.Repeat("x", 10_000)), nil
}

func (f *fakeTree) Stat(_ int, path string) (uint32, bool, error) {
	mode, ok := f.names[path]
	if !ok {
		return 0, false, fs.ErrNotExist
	}
	return mode, false, nil
}

func (f *fakeTree) List(_ int, dir string) (map[string]uint32, error) {
	types := map[string]uint32{}
	for name, mode := range f.names {
		if filepath.Dir(name) == dir {
			types[filepath.Base(name)] = mode & syscall.S_IFMT
		}
	}
	return types, nil
}

func (f *fakeTree) Readlink(int, string) (string, error) { return "../somewhere", nil }

func newFakeTree() *fakeTree {
	return &fakeTree{names: map[string]uint32{
		paths.CPUDir + "/cpu0":        syscall.S_IFDIR | 0o555,
		paths.CPUDir + "/cpu0/broken": syscall.S_IFREG | 0o444,
		paths.CPUDir + "/link":        syscall.S_IFLNK | 0o777,
		paths.CPUDir + "/online":      syscall.S_IFREG | 0o444,
	}}
}

// mount serves a FS in a fresh directory until the test ends.
func mount(t *testing.T, f *FS) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	dir := t.TempDir()
	fd, err := fusedev.Mount(dir)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- fusedev.NewConn(fd, f, fusedev.NewSlots(2)).Serve(-1) }()
	teachNoPoll(t, dir)
	t.Cleanup(func() {
		if err := fusedev.Unmount(dir); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		syscall.Close(fd)
	})
	return dir
}

// teachNoPoll lets the kernel learn that we don't answer POLL. Go's os.Open
// asks for it by a system call that its scheduler doesn't know to block; in
// the process that has to answer, everything could stop.
func teachNoPoll(t *testing.T, dir string) {
	t.Helper()
	fd, err := unix.Open(dir+"/proc/stat", unix.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if _, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0); err != nil {
		t.Fatal(err)
	}
}
