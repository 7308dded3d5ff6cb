// Package timens makes time namespaces (time_namespaces(7)): CLOCK_BOOTTIME
// starts anew in them, and the kernel shifts everything that is reckoned from
// boot with it: uptime, btime, sysinfo(2) and the start times of processes, so
// that ages are right by themselves. CLOCK_MONOTONIC stays the host's.
package timens

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Now is CLOCK_BOOTTIME in nanoseconds.
func Now() (uint64, error) {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0, os.NewSyscallError("clock_gettime", err)
	}
	return uint64(t.Nano()), nil
}

// Enter puts the children of the calling thread into a new time namespace,
// where CLOCK_BOOTTIME was 0 at startNsec of the caller's. The goroutine must
// be locked to the thread and never be unlocked: there is no way back.
func Enter(startNsec uint64) error {
	if err := unix.Unshare(unix.CLONE_NEWTIME); err != nil {
		return os.NewSyscallError("unshare(CLONE_NEWTIME)", err)
	}
	// The kernel has no such file below /proc/PID/task, hence not of
	// /proc/thread-self.
	file := fmt.Sprintf("/proc/%d/timens_offsets", unix.Gettid())
	old, err := Offset(file) // the caller's own namespace's
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(formatOffset(old-int64(startNsec))), 0)
}

// Make makes a namespace as Enter does. It lasts as long as the file is open
// or a process is in it.
func Make(startNsec uint64) (*os.File, error) {
	type result struct {
		file *os.File
		err  error
	}
	made := make(chan result)
	go func() {
		runtime.LockOSThread() // and the thread ends with the goroutine
		err := Enter(startNsec)
		if err != nil {
			made <- result{nil, err}
			return
		}
		file, err := os.Open(fmt.Sprintf("/proc/%d/ns/time_for_children", unix.Gettid()))
		made <- result{file, err}
	}()
	r := <-made
	return r.file, r.err
}
