// Package fusedev is the kernel side of the mount: mount(2), the FUSE device
// and its request loop.
package fusedev

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/mountinfo"
)

const (
	device = "/dev/fuse"
	// maxReadBytes bounds one READ request.
	maxReadBytes = 128 << 10
)

// Mount mounts an empty FUSE connection on dir and returns its device. The
// caller then has to answer requests: until it does, whoever touches dir
// waits.
//
// Read-only, so that reading does not make the kernel ask for attributes
// again; default_permissions, so that it checks modes itself (slabinfo is
// root's); allow_other, because containers have users of their own.
func Mount(dir string) (fd int, err error) {
	fd, err = unix.Open(device, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open %s: %w", device, err)
	}
	options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions,max_read=%d", fd, maxReadBytes)
	const flags = unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	if err := unix.Mount("podview", dir, mountinfo.ViewType, flags, options); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("mount %s on %s: %w", mountinfo.ViewType, dir, err)
	}
	return fd, nil
}

// Unmount takes the mount off dir. Binds of its files in containers keep the
// connection alive.
func Unmount(dir string) error {
	err := unix.Unmount(dir, 0)
	if errors.Is(err, unix.EBUSY) {
		err = unix.Unmount(dir, unix.MNT_DETACH)
	}
	if err != nil {
		return fmt.Errorf("unmount %s: %w", dir, err)
	}
	return nil
}

// ErrServed: there is a mount that somebody serves, or may serve again.
var ErrServed = errors.New("another podview is serving it")

// Clear makes sure that nothing is mounted on dir, so that Mount covers
// nobody's files. A dead mount of ours, left by a daemon that was killed, is
// taken off, and cleared is true. Anything else is an error that says what is
// in the way.
func Clear(dir string) (cleared bool, err error) {
	for {
		there, ok, err := mountinfo.On(dir)
		if err != nil || !ok {
			return cleared, err
		}
		if there.FSType != mountinfo.ViewType {
			return cleared, fmt.Errorf("%s is in use: a file system of type %s is mounted there", dir, there.FSType)
		}
		if state, err := mountinfo.Ask(dir); err != nil || state != mountinfo.Dead {
			return cleared, errors.Join(fmt.Errorf("%s is in use: %w", dir, ErrServed), err)
		}
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			return cleared, fmt.Errorf("unmount the dead %s on %s: %w", there.FSType, dir, err)
		}
		cleared = true
	}
}
