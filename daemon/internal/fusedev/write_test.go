package fusedev

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// TestRepliesCanNotBeWritten: whoever waits for one is lost; the next ones
// are answered, and no slot keeps a request for good.
func TestRepliesCanNotBeWritten(t *testing.T) {
	for device, errno := range map[string]unix.Errno{"/dev/full": unix.ENOSPC, "/proc/self/mem": unix.EIO} {
		fd, err := unix.Open(device, unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		if _, err := unix.Write(fd, []byte("x")); err != errno {
			t.Skipf("%s: %v, not %v", device, err, errno)
		}
		slots := NewSlots(2)
		for _, slot := range slots {
			binary.NativeEndian.PutUint32(slot, requestHeaderBytes+16)
			binary.NativeEndian.PutUint32(slot[4:], opGetattr)
			binary.NativeEndian.PutUint64(slot[8:], 42)
		}
		NewConn(fd, fuse.NewDefaultRawFileSystem(), slots).AnswerPending()
		for i, slot := range slots {
			if RequestIn(slot) != 0 {
				t.Errorf("%s: a request is left in slot %d", device, i)
			}
		}
	}
}

// TestDeviceCanNotBeRead: Serve ends, and says why.
func TestDeviceCanNotBeRead(t *testing.T) {
	fd, err := unix.Open("/proc/self/mem", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	ended := make(chan error, 1)
	go func() { ended <- NewConn(fd, fuse.NewDefaultRawFileSystem(), NewSlots(1)).Serve(-1) }() // a second reader might outlive fd
	select {
	case err := <-ended:
		if !errors.Is(err, unix.EIO) {
			t.Errorf("%v, want %v", err, unix.EIO)
		}
	case <-time.After(30 * time.Second):
		t.Error("it reads on and on")
	}
}
