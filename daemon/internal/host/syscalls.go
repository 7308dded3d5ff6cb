package host

import (
	"io/fs"
	"runtime"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// appendPiece appends what one read at offset 0 gives. A buffer that comes
// back full may have been too small; then all is read again, so that the text
// is of one moment.
func appendPiece(dst []byte, fd int) ([]byte, error) {
	dst = withRoom(dst)
	for {
		room := dst[len(dst):cap(dst)]
		n, err := pread(fd, room, 0)
		switch {
		case err != nil:
			return nil, err
		case n > maxFileBytes:
			return nil, unix.EFBIG
		case n < len(room):
			return dst[:len(dst)+n], nil
		}
		dst = slices.Grow(dst, 2*len(room))
	}
}

// appendPieces reads on until the end.
func appendPieces(dst []byte, fd int) ([]byte, error) {
	start := len(dst)
	for {
		dst = withRoom(dst)
		n, err := pread(fd, dst[len(dst):cap(dst)], int64(len(dst)-start))
		switch {
		case err != nil:
			return nil, err
		case n == 0:
			return dst, nil
		case len(dst)-start+n > maxFileBytes:
			return nil, unix.EFBIG
		}
		dst = dst[:len(dst)+n]
	}
}

func withRoom(dst []byte) []byte {
	if cap(dst)-len(dst) < firstReadBytes {
		dst = slices.Grow(dst, max(firstReadBytes, len(dst)))
	}
	return dst
}

func pread(fd int, buf []byte, offset int64) (int, error) {
	for {
		n, err := unix.Pread(fd, buf, offset)
		if err != unix.EINTR {
			return n, err
		}
	}
}

// openTerminated opens a path that ends in NUL. unix.Open would copy it.
func openTerminated(path []byte) (int, error) {
	here := unix.AT_FDCWD // not a constant: it is negative
	for {
		fd, _, errno := unix.Syscall6(unix.SYS_OPENAT, uintptr(here), uintptr(unsafe.Pointer(&path[0])),
			unix.O_RDONLY|unix.O_CLOEXEC, 0, 0, 0)
		runtime.KeepAlive(path)
		switch errno {
		case 0:
			return int(fd), nil
		case unix.EINTR:
		default:
			return -1, errno
		}
	}
}

// stat takes a path that ends in NUL.
func stat(path []byte) (inode uint64, links uint32, err error) {
	here := unix.AT_FDCWD
	var st unix.Statx_t
	for {
		_, _, errno := unix.Syscall6(unix.SYS_STATX, uintptr(here), uintptr(unsafe.Pointer(&path[0])),
			0, unix.STATX_INO|unix.STATX_NLINK, uintptr(unsafe.Pointer(&st)), 0)
		runtime.KeepAlive(path)
		switch errno {
		case 0:
			return st.Ino, st.Nlink, nil
		case unix.EINTR:
		case unix.ENOSYS: // before Linux 4.11
			return statOld(string(path[:len(path)-1]))
		default:
			return 0, 0, &fs.PathError{Op: "stat", Path: string(path[:len(path)-1]), Err: errno}
		}
	}
}

func statOld(path string) (inode uint64, links uint32, err error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return 0, 0, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return st.Ino, uint32(st.Nlink), nil
}
