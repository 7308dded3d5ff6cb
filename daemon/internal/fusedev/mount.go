// Package fusedev is the kernel side of the mount: mount(2), the FUSE device
// and its request loop.
package fusedev

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	device = "/dev/fuse"
	// FSType is how a mount of ours shows in mountinfo.
	FSType = "fuse.podview"
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
	if err := unix.Mount("podview", dir, FSType, flags, options); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("mount %s on %s: %w", FSType, dir, err)
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

// Clear makes sure that nothing is mounted on dir, so that Mount covers
// nobody's files. A dead mount of ours, left by a daemon that was killed, is
// taken off. Anything else is an error that says what is in the way.
func Clear(dir string) error {
	for {
		fsType, err := mountedOn(dir)
		if err != nil || fsType == "" {
			return err
		}
		if fsType != FSType {
			return fmt.Errorf("%s is in use: a file system of type %s is mounted there", dir, fsType)
		}
		if !dead(dir) {
			return fmt.Errorf("%s is in use: another podview is serving it", dir)
		}
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			return fmt.Errorf("unmount the dead %s on %s: %w", FSType, dir, err)
		}
	}
}

// dead tells whether nobody serves the mount on dir any more. One whose
// daemon is stopped does not answer at all, but may go on.
func dead(dir string) bool {
	answer := make(chan error, 1)
	go func() {
		var st unix.Statfs_t
		answer <- unix.Statfs(dir, &st)
	}()
	select {
	case err := <-answer:
		return errors.Is(err, unix.ENOTCONN)
	case <-time.After(3 * time.Second):
		return false
	}
}

// mountedOn returns the type of the uppermost file system mounted on dir, ""
// for none.
func mountedOn(dir string) (fsType string, err error) {
	// EvalSymlinks of the parent only: dir itself may be a dead mount.
	parent, err := filepath.EvalSymlinks(filepath.Dir(dir))
	if err != nil {
		return "", err
	}
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		point, t, ok := parseMountinfo(lines.Text())
		if ok && point == filepath.Join(parent, filepath.Base(dir)) {
			fsType = t
		}
	}
	return fsType, lines.Err()
}

// parseMountinfo takes the mount point and file system type of a line of
// /proc/self/mountinfo (proc_pid_mountinfo(5)).
func parseMountinfo(line string) (point, fsType string, ok bool) {
	mount, fsPart, found := strings.Cut(line, " - ")
	fields, fsFields := strings.Fields(mount), strings.Fields(fsPart)
	if !found || len(fields) < 6 || len(fsFields) < 1 {
		return "", "", false
	}
	return unescape.Replace(fields[4]), fsFields[0], true
}

// unescape undoes the kernel's mangling of names (fs/proc_namespace.c).
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
