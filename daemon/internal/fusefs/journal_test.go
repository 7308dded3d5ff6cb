package fusefs

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/fusedev"
	"github.com/podview/podview/daemon/paths"
)

// What a dead process had taken from the kernel is in its slots; the next one
// answers it.
func TestSlotsAreAJournal(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	dir, slots := t.TempDir(), fusedev.NewSlots(3)
	fd, err := fusedev.Mount(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { abortIfFailed(t, dir) })
	f := New(newFakeTree(), paths.All)
	first := fusedev.NewConn(fd, f, slots)
	init, err := first.Handshake()
	if err != nil {
		t.Fatal(err)
	}
	answers := make(chan error, 3)
	for _, slot := range slots {
		go func() {
			var st unix.Statfs_t
			answers <- unix.Statfs(dir, &st)
		}()
		if _, err := unix.Read(fd, slot); err != nil { // taken, and not answered
			t.Fatal(err)
		}
	}
	next := fusedev.NewConn(fd, f, slots)
	next.Readers = 1
	if err := next.Adopt(init); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- next.Serve(-1) }()
	for range slots {
		select {
		case err := <-answers:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("a request that was taken by another is not answered")
		}
	}
	if err := fusedev.Unmount(dir); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	unix.Close(fd)
}
