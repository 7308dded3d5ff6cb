package conformance

import (
	"errors"
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// Leases is what taking leases and locks has given.
type Leases struct{ Write, Read, Locks int }

// Lease takes all leases and locks that it gets on files, and keeps them, as
// root without CAP_LEASE, which containers do not have by default.
func (a *Agent) Lease(files []string, got *Leases) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var caps, less [2]unix.CapUserData
	if err := unix.Capget(&header, &caps[0]); err != nil {
		return fmt.Errorf("capget: %w", err)
	}
	less = caps
	less[0].Effective &^= 1 << unix.CAP_LEASE
	if err := unix.Capset(&header, &less[0]); err != nil {
		return fmt.Errorf("capset: %w", err)
	}
	defer func() { _ = unix.Capset(&header, &caps[0]) }()
	for _, file := range files {
		fd, err := unix.Open(file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			continue // not for reading
		}
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_WRLCK); err == nil {
			got.Write++
		} else if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_RDLCK); err == nil {
			got.Read++
		}
		if unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) == nil {
			got.Locks++
		}
	}
	return nil
}

// Hold opens a file so many times, reads one byte of each, and keeps them.
func (a *Agent) Hold(h Hold, held *int) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	limit.Cur = limit.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	for ; *held < h.Times; *held++ {
		fd, err := unix.Open(h.Path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		if _, err := unix.Pread(fd, make([]byte, 1), 0); err != nil {
			return fmt.Errorf("read %d: %w", *held, err)
		}
	}
	return nil
}

// Hold asks for files to be kept open.
type Hold struct {
	Path  string
	Times int
}

// LockNamespace takes and keeps the lock on the agent's mount namespace.
func (a *Agent) LockNamespace(_ struct{}, _ *struct{}) error {
	fd, err := unix.Open("/proc/self/ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
}

// Pile mounts /proc on itself so many times, or as often as the kernel allows.
func (a *Agent) Pile(times int, piled *int) error {
	for ; *piled < times; *piled++ {
		err := unix.Mount("/proc", "/proc", "", unix.MS_BIND, "")
		if errors.Is(err, unix.ENOSPC) { // fs.mount-max
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Flood reads one byte of a file on and on, in that many threads, until Rest.
func (a *Agent) Flood(h Hold, _ *struct{}) error {
	a.mu.Lock()
	rest := a.rest
	a.mu.Unlock()
	var threads sync.WaitGroup
	for range h.Times {
		fd, err := unix.Open(h.Path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		threads.Go(func() {
			defer unix.Close(fd)
			for b := make([]byte, 1); ; a.answers.Add(1) {
				select {
				case <-rest:
					return
				default:
				}
				_, _ = unix.Pread(fd, b, 0)
			}
		})
	}
	threads.Wait()
	return nil
}

// Flooded is how many answers Flood has had.
func (a *Agent) Flooded(_ struct{}, answers *uint64) error {
	*answers = a.answers.Load()
	return nil
}
