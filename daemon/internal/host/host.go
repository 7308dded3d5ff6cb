// Package host reads the files of the machine that podview runs on.
package host

import (
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Root says where the host's file systems are, as directories: /proc, /sys
// and /sys/fs/cgroup on a real host, others in tests.
type Root struct{ Proc, Sys, Cgroup string }

const (
	// firstReadBytes holds most kernel files, so that one read gets a
	// consistent text: a second read may see newer figures.
	firstReadBytes = 4 << 10
	// maxFileBytes is far above what the kernel writes into any of the files
	// podview reads. It keeps a wrong path from filling the memory.
	maxFileBytes = 4 << 20
)

// ReadFile returns path's text, in buf's memory where that is large enough.
//
// It does not use os.ReadFile, which asks for the size first (kernel files
// have none) and registers each descriptor with the poller. Errors are
// *fs.PathError: fs.ErrNotExist for a file that is not there, unix.ENODEV for
// one whose cgroup was removed while it was open.
func ReadFile(path string, buf []byte) ([]byte, error) {
	fd, err := open(path)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	if buf = buf[:0]; cap(buf) < firstReadBytes {
		buf = make([]byte, 0, firstReadBytes)
	}
	for {
		if len(buf) == cap(buf) {
			buf = slices.Grow(buf, len(buf))
		}
		n, err := read(fd, buf[len(buf):cap(buf)])
		switch {
		case err != nil:
			return nil, &fs.PathError{Op: "read", Path: path, Err: err}
		case n == 0:
			return buf, nil
		case len(buf)+n > maxFileBytes:
			return nil, &fs.PathError{Op: "read", Path: path, Err: unix.EFBIG}
		}
		buf = buf[:len(buf)+n]
	}
}

// Inode returns path's inode number. Errors are *fs.PathError.
func Inode(path string) (uint64, error) {
	var st unix.Stat_t
	for {
		switch err := unix.Stat(path, &st); err {
		case nil:
			return st.Ino, nil
		case unix.EINTR:
		default:
			return 0, &fs.PathError{Op: "stat", Path: path, Err: err}
		}
	}
}

// open makes no garbage of usual paths: unix.Open would.
func open(path string) (int, error) {
	if strings.IndexByte(path, 0) >= 0 {
		return -1, unix.EINVAL
	}
	var room [256]byte
	return openTerminated(append(append(room[:0], path...), 0))
}

func read(fd int, buf []byte) (int, error) {
	for {
		n, err := unix.Read(fd, buf)
		if err != unix.EINTR {
			return n, err
		}
	}
}
