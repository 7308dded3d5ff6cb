package fusedev

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/mountinfo"
)

func TestClear(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	dir := t.TempDir()
	if cleared, err := Clear(dir); cleared || err != nil {
		t.Errorf("nothing mounted: %t, %v", cleared, err)
	}

	if err := unix.Mount("none", dir, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	if cleared, err := Clear(dir); cleared || err == nil || !strings.Contains(err.Error(), "tmpfs") || !strings.Contains(err.Error(), dir) {
		t.Errorf("a tmpfs in the way: %t, %v", cleared, err)
	}
	if err := unix.Unmount(dir, 0); err != nil {
		t.Fatal(err)
	}

	for range 2 { // a daemon was killed, and its successor
		fd, err := Mount(dir)
		if err != nil {
			t.Fatal(err)
		}
		unix.Close(fd)
	}
	if cleared, err := Clear(dir); !cleared || err != nil {
		t.Errorf("two dead mounts: %t, %v", cleared, err)
	}
	if there, ok, err := mountinfo.On(dir); ok || err != nil {
		t.Errorf("%+v is still mounted (%v)", there, err)
	}
}

func TestFailureReply(t *testing.T) {
	request := make([]byte, requestHeaderBytes)
	request[8] = 42 // unique
	reply := make([]byte, 64)
	n := failure(request, reply, unix.EIO)
	want := []byte{16, 0, 0, 0, 0xfb, 0xff, 0xff, 0xff, 42, 0, 0, 0, 0, 0, 0, 0} // -EIO on a little-endian machine
	if string(reply[:n]) != string(want) {
		t.Errorf("% x, want % x", reply[:n], want)
	}
	if n := failure(request[:39], reply, unix.EIO); n != 0 {
		t.Errorf("a request without a whole header got a reply of %d bytes", n)
	}
}
