// Package fusedev is the kernel side of the mount: mount(2), the FUSE device
// and its request loop.
package fusedev

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

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
// default_permissions, so that the kernel checks modes itself (slabinfo is
// root's); allow_other, because containers have users of their own.
func Mount(dir string) (fd int, err error) {
	fd, err = unix.Open(device, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open %s: %w", device, err)
	}
	if err = mountReadOnly(fd, dir); errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL) { // before Linux 5.4
		options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions,max_read=%d", fd, maxReadBytes)
		err = unix.Mount("podview", dir, mountinfo.ViewType, unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, options)
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("mount %s on %s: %w", mountinfo.ViewType, dir, err)
	}
	return fd, nil
}

// mountReadOnly makes the mount read-only, but not the file system: whoever
// opens a file for writing is then told EACCES, as the files have no owner
// (fs/namei.c inode_permission, HAS_UNMAPPED_ID), and not EROFS. Programs that
// want a trigger of /proc/pressure take that for "not permitted" and go on
// without. It costs those who stat what they read a request for its times,
// some 6 us (fs/fuse fuse_invalidate_atime).
func mountReadOnly(device int, dir string) error {
	fs, err := unix.Fsopen("fuse", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return err
	}
	defer unix.Close(fs)
	for _, option := range [...][2]string{
		{"source", "podview"}, {"subtype", strings.TrimPrefix(mountinfo.ViewType, "fuse.")}, {"fd", strconv.Itoa(device)},
		{"rootmode", "40000"}, {"user_id", "0"}, {"group_id", "0"}, {"max_read", strconv.Itoa(maxReadBytes)},
	} {
		if err := unix.FsconfigSetString(fs, option[0], option[1]); err != nil {
			return fmt.Errorf("option %s=%s: %w", option[0], option[1], err)
		}
	}
	for _, option := range [...]string{"allow_other", "default_permissions"} {
		if err := unix.FsconfigSetFlag(fs, option); err != nil {
			return fmt.Errorf("option %s: %w", option, err)
		}
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return err
	}
	mount, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
	if err != nil {
		return err
	}
	defer unix.Close(mount)
	return unix.MoveMount(mount, "", unix.AT_FDCWD, dir, unix.MOVE_MOUNT_F_EMPTY_PATH)
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
