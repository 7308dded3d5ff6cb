package main

import (
	"errors"

	"golang.org/x/sys/unix"
	"k8s.io/klog/v2"

	"github.com/podview/podview/daemon/paths"
)

// keepOpen has the view's files in /proc open for as long as it is mounted and
// this process lives. Nobody gets a write lease on a file that another has
// open (F_SETLEASE); with one, a container could make all others wait who open
// it. Most files have no owner who could take one, but slabinfo is root's, and
// CAP_LEASE needs no owner. One more worker that waits to serve has them open
// when another dies.
func keepOpen(mount string) {
	changes, err := unix.Open("/proc/self/mountinfo", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(changes)
	files, dev := openFiles(mount)
	defer func() {
		for _, fd := range files {
			unix.Close(fd)
		}
	}()
	// An open file keeps its superblock. A view that is unmounted has to end.
	for len(files) > 0 && device(mount) == dev {
		wait := []unix.PollFd{{Fd: int32(changes), Events: unix.POLLPRI}}
		if _, err := unix.Poll(wait, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// openFiles waits until the view is served. It goes by a mount of its own, so
// that the one at mount can be taken off.
func openFiles(mount string) (files []int, dev uint64) {
	dir, err := unix.OpenTree(unix.AT_FDCWD, mount, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil { // before Linux 5.2
		return nil, 0
	}
	defer unix.Close(dir)
	dev = device(mount)
	for _, p := range paths.All {
		if p.Dir {
			continue
		}
		fd, err := unix.Openat(dir, p.Path[1:], unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			klog.V(1).InfoS("Not kept open", "path", p.Path, "err", err)
			continue
		}
		files = append(files, fd)
	}
	return files, dev
}

// device is the superblock that shows at path, whether it is served or not.
func device(path string) uint64 {
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, unix.AT_STATX_DONT_SYNC, 0, &st); err != nil {
		return 0
	}
	return unix.Mkdev(st.Dev_major, st.Dev_minor)
}
