package reattach

import (
	"fmt"
	"runtime"

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

func openEntrance(procfs string, pid int, inode uint64) (e entrance, err error) {
	dir := fmt.Sprintf("%s/%d", procfs, pid)
	e.ns, err = unix.Open(dir+"/ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return e, fmt.Errorf("open %s/ns/mnt: %w", dir, err)
	}
	e.root, err = unix.Open(dir+"/root", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		unix.Close(e.ns)
		return e, fmt.Errorf("open %s/root: %w", dir, err)
	}
	var st unix.Stat_t
	if err = unix.Fstat(e.ns, &st); err == nil && st.Ino != inode {
		err = unix.ESRCH // the pid is another process's by now
	}
	if err != nil {
		e.close()
	}
	return e, err
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
