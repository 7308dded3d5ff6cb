package reattach

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/paths"
)

// A kubelet asks for idmapped mounts of everything that a pod with
// hostUsers: false has. What a runtime does is done here to the view's files
// and, since that is where a hostPath leads while no podview runs, to the
// host's own.
func TestIDMappedMounts(t *testing.T) {
	needRoot(t)
	needKernel(t, 6, 12) // FUSE_ALLOW_IDMAP
	dir := openDir(t)
	serveView(t, dir)
	c := startContainer(t, "user namespace", spec{}, unix.CLONE_NEWUSER)
	userNS, err := os.Open(fmt.Sprintf("/proc/%d/ns/user", c.pid))
	if err != nil {
		t.Fatal(err)
	}
	defer userNS.Close()
	mapped := func(path string) (fd int, err error) {
		if fd, err = unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC); err != nil {
			return fd, err
		}
		t.Cleanup(func() { unix.Close(fd) })
		return fd, unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE,
			&unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(userNS.Fd())})
	}
	for _, path := range []string{"/proc/meminfo", paths.CPUDir} {
		if _, err := mapped(path); !errors.Is(err, unix.EINVAL) {
			t.Errorf("the host's own %s: %v; the policies may stop leaving such pods alone", path, err)
		}
	}
	err = onThread(func() error {
		var fds []int
		for _, p := range emulated() {
			fd, err := mapped(dir + p.Path)
			if err != nil {
				return fmt.Errorf("%s: %w", p.Path, err)
			}
			fds = append(fds, fd)
		}
		inode, err := mountNS("/proc", fmt.Sprint(c.pid))
		if err != nil {
			return err
		}
		e, err := openEntrance("/proc", c.pid, inode, "")
		if err != nil {
			return err
		}
		defer e.close()
		if err := e.enter(); err != nil {
			return err
		}
		for i, p := range emulated() {
			if err := (&target{path: p.Path}).moveOnTop(fds[i]); err != nil {
				return fmt.Errorf("%s: %w", p.Path, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// Its root is the files' owner there, and reads those that are root's alone.
	c.mapped = false
	c.sees(t, reply{Text: viewText(dir)})
	if !slices.ContainsFunc(emulated(), func(p paths.Path) bool { return p.Mode&0o077 == 0 }) {
		t.Error("no file that only root may read")
	}
}

func needKernel(t *testing.T, major, minor int) {
	t.Helper()
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		t.Fatal(err)
	}
	release := unix.ByteSliceToString(name.Release[:])
	var have [2]int
	if _, err := fmt.Sscanf(release, "%d.%d", &have[0], &have[1]); err != nil {
		t.Fatal(release, err)
	}
	if slices.Compare(have[:], []int{major, minor}) < 0 {
		t.Skipf("needs Linux %d.%d, this is %s", major, minor, release)
	}
}
