package reattach

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// onThread runs f on a thread that ends with it, so that f may change what
// other goroutines must not inherit: mount namespace, root and working
// directory.
//
// Go ends a thread whose goroutine has ended locked to it; but never the main
// thread, which is what /proc/self shows. A goroutine that finds itself there
// keeps it busy while another, which then is somewhere else, does the work.
func onThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			done <- onThread(f)
			runtime.UnlockOSThread()
			return
		}
		done <- f()
	}()
	return <-done
}

// entrance is a container's mount namespace, held open.
type entrance struct {
	ns   int // its namespace
	root int // its root directory: chroot(2) may have moved it
}

// openEntrance opens everything by way of one directory of /proc, which is
// never another process's. inode is that of the namespace that was looked at,
// and id, if not "", is in the name of the process's cgroup: a pid that comes
// from elsewhere may be a stranger's by now.
func openEntrance(procfs string, pid int, inode uint64, id string) (e entrance, err error) {
	name := fmt.Sprintf("%s/%d", procfs, pid)
	dir, err := unix.Open(name, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return e, fmt.Errorf("open %s: %w", name, err)
	}
	defer unix.Close(dir)
	if err := belongs(dir, id); err != nil {
		return e, fmt.Errorf("%s: %w", name, err)
	}
	e.ns, err = unix.Openat(dir, "ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return e, fmt.Errorf("open %s/ns/mnt: %w", name, err)
	}
	e.root, err = unix.Openat(dir, "root", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		unix.Close(e.ns)
		return e, fmt.Errorf("open %s/root: %w", name, err)
	}
	var st unix.Stat_t
	if err = unix.Fstat(e.ns, &st); err == nil && st.Ino != inode {
		err = unix.ESRCH // the pid is another process's by now
	}
	if err == nil {
		err = lock(e.ns)
	}
	if err != nil {
		e.close()
	}
	return e, err
}

// belongs tells whether the process's cgroup names the container.
func belongs(procDir int, id string) error {
	if id == "" {
		return nil
	}
	fd, err := unix.Openat(procDir, "cgroup", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	file := os.NewFile(uintptr(fd), "cgroup")
	defer file.Close()
	text, err := io.ReadAll(file)
	if err == nil && !bytes.Contains(text, []byte(id)) {
		err = fmt.Errorf("its cgroup is not the container %s's", id)
	}
	return err
}

// lockPatience is far above what another podview needs that is at the same.
const lockPatience = time.Second

// lock waits for another podview. Any process in the container can hold the
// lock, too, for ever: then it is done without. Each mount is looked at again
// before it is replaced, and what goes wrong is in that container. The lock is
// released with the file.
func lock(fd int) error {
	for deadline := time.Now().Add(lockPatience); ; time.Sleep(lockPatience / 100) {
		err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
		if err == nil || time.Now().After(deadline) {
			return nil
		}
		if err != unix.EWOULDBLOCK && err != unix.EINTR {
			return err
		}
	}
}

func (e entrance) close() {
	unix.Close(e.ns)
	unix.Close(e.root)
}

// enter moves the calling thread into the container; for onThread only.
func (e entrance) enter() error {
	// A mount namespace can't be changed together with other threads.
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("unshare the thread's root: %w", err)
	}
	if err := unix.Setns(e.ns, unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("enter the mount namespace: %w", err)
	}
	if err := unix.Fchdir(e.root); err != nil {
		return fmt.Errorf("enter the container's root: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return fmt.Errorf("enter the container's root: %w", err)
	}
	return nil
}
