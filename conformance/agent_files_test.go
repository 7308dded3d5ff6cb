package conformance

import (
	"errors"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// Result is what a system call on a file gave; Errno is 0 when it worked.
type Result struct {
	Data  []byte
	Errno syscall.Errno
}

// ReadFile reads a file as most programs do: open, read to the end, close.
func (a *Agent) ReadFile(path string, r *Result) error {
	data, err := os.ReadFile(path)
	r.Data = data
	return asErrno(err, &r.Errno)
}

// asErrno moves an errno, which net/rpc would turn into text, into the reply.
func asErrno(err error, errno *syscall.Errno) error {
	if err == nil || errors.As(err, errno) {
		return nil
	}
	return err
}

// Chunks asks for a whole file in reads of Size bytes.
type Chunks struct {
	Path  string
	Size  int
	Pread bool // by pread(2) instead of read(2)
}

// ReadChunks reads until the kernel says end of file.
func (a *Agent) ReadChunks(c Chunks, r *Result) error {
	f, err := os.Open(c.Path)
	if err != nil {
		return asErrno(err, &r.Errno)
	}
	defer f.Close()
	buf := make([]byte, c.Size)
	for {
		var n int
		if c.Pread {
			n, err = unix.Pread(int(f.Fd()), buf, int64(len(r.Data)))
		} else {
			n, err = unix.Read(int(f.Fd()), buf)
		}
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n == 0 {
			return asErrno(err, &r.Errno)
		}
		r.Data = append(r.Data, buf[:n]...)
	}
}

// OpenArgs asks for a file to be opened and kept. UID 0 is the agent's own; any
// other is the user's and the only group's; with RootsGroup that is root's.
type OpenArgs struct {
	Path       string
	Flags      int
	UID        int
	RootsGroup bool
}

// Open opens a file and keeps it open; the handle is its descriptor.
func (a *Agent) Open(args OpenArgs, reply *struct {
	Handle int
	Errno  syscall.Errno
}) error {
	if args.UID != 0 {
		// File system ids are the thread's, and groups are by the system call
		// itself; the kernel drops the capabilities that override permissions
		// with the uid. The thread ends with the goroutine.
		return onLastThread(func() error {
			if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0); errno != 0 {
				return errno
			}
			gid := args.UID
			if args.RootsGroup {
				gid = 0
			}
			if err := errors.Join(unix.Setfsgid(gid), unix.Setfsuid(args.UID)); err != nil {
				return err
			}
			return openKept(args, &reply.Handle, &reply.Errno)
		})
	}
	return openKept(args, &reply.Handle, &reply.Errno)
}

func openKept(args OpenArgs, handle *int, errno *syscall.Errno) error {
	fd, err := unix.Open(args.Path, args.Flags|unix.O_CLOEXEC, 0)
	if err != nil {
		return asErrno(err, errno)
	}
	*handle = fd
	return nil
}

// onLastThread runs f on a thread that is nobody else's, nor after it.
func onLastThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- f()
	}()
	return <-done
}

// At is a read on an open file: at Offset, or where the last one ended.
type At struct {
	Handle, Length int
	Offset         int64
	Current        bool
}

// ReadAt is one read(2) or pread(2).
func (a *Agent) ReadAt(at At, r *Result) error {
	buf := make([]byte, at.Length)
	var n int
	var err error
	if at.Current {
		n, err = unix.Read(at.Handle, buf)
	} else {
		n, err = unix.Pread(at.Handle, buf, at.Offset)
	}
	r.Data = buf[:max(n, 0)]
	return asErrno(err, &r.Errno)
}

// Rewind is lseek(handle, 0, SEEK_SET).
func (a *Agent) Rewind(handle int, errno *syscall.Errno) error {
	_, err := unix.Seek(handle, 0, unix.SEEK_SET)
	return asErrno(err, errno)
}

// Close closes a kept file.
func (a *Agent) Close(handle int, errno *syscall.Errno) error {
	return asErrno(unix.Close(handle), errno)
}

// Lstat is lstat(2)'s mode.
func (a *Agent) Lstat(path string, reply *struct {
	Mode  uint32
	Errno syscall.Errno
}) error {
	var st unix.Stat_t
	err := unix.Lstat(path, &st)
	reply.Mode = st.Mode
	return asErrno(err, &reply.Errno)
}
