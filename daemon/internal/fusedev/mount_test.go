package fusedev

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestParseMountinfo(t *testing.T) {
	for line, want := range map[string][2]string{
		`36 35 98:0 /root /mnt2 rw,noatime master:1 - ext3 /dev/root rw`:            {"/mnt2", "ext3"},
		`36 35 98:0 / /a\040b\134c rw shared:2 - fuse.podview podview ro,user_id=0`: {`/a b\c`, "fuse.podview"},
		`36 35 98:0 / /x rw - tmpfs tmpfs rw`:                                       {"/x", "tmpfs"},
		`36 35 98:0 / /x rw - `:                                                     {},
		`garbage`:                                                                   {},
		``:                                                                          {},
	} {
		point, fsType, ok := parseMountinfo(line)
		if [2]string{point, fsType} != want || ok != (want[0] != "") {
			t.Errorf("%q: %q, %q, %t; want %q", line, point, fsType, ok, want)
		}
	}
}

func FuzzParseMountinfo(f *testing.F) {
	f.Add(`36 35 98:0 /root /mnt2 rw,noatime master:1 - ext3 /dev/root rw`)
	f.Add(" - ")
	f.Fuzz(func(t *testing.T, line string) {
		if point, fsType, ok := parseMountinfo(line); ok && (point == "" || fsType == "") {
			t.Errorf("%q: %q, %q", line, point, fsType)
		}
	})
}

func TestClear(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	dir := t.TempDir()
	if err := Clear(dir); err != nil {
		t.Errorf("nothing mounted: %v", err)
	}

	if err := unix.Mount("none", dir, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	if err := Clear(dir); err == nil || !strings.Contains(err.Error(), "tmpfs") || !strings.Contains(err.Error(), dir) {
		t.Errorf("a tmpfs in the way: %v", err)
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
	if err := Clear(dir); err != nil {
		t.Errorf("two dead mounts: %v", err)
	}
	if fsType, err := mountedOn(dir); fsType != "" || err != nil {
		t.Errorf("%q is still mounted (%v)", fsType, err)
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
