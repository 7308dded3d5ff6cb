package reader

import (
	"encoding/binary"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// childEnv makes starting short.
var childEnv = []string{"GODEBUG=asyncpreemptoff=1", "GOMAXPROCS=1", "GOGC=off"}

// timingBytes is the length of what a child writes: ns, in the machine's order.
const timingBytes = 8

// spawn starts a process that reads, waits for it, and returns its own timing.
func (w *worker) spawn(path string) (nsec int64, err error) {
	pid, err := syscall.ForkExec(w.exe, []string{w.exe, ProcessCommand, path}, &syscall.ProcAttr{
		Env:   childEnv,
		Files: []uintptr{uintptr(unix.Stderr), w.childFD.Fd(), uintptr(unix.Stderr)}, // nobody reads from 0
	})
	if err != nil {
		return 0, fmt.Errorf("start a reader: %w", err)
	}
	var status syscall.WaitStatus
	for {
		if _, err = syscall.Wait4(pid, &status, 0, nil); err != syscall.EINTR {
			break
		}
	}
	if err != nil || status != 0 {
		return 0, fmt.Errorf("a reader ended with status %#x (%v)", int(status), err)
	}
	var text [timingBytes]byte
	if _, err := w.timings.Read(text[:]); err != nil {
		return 0, err
	}
	return int64(binary.NativeEndian.Uint64(text[:])), nil
}

// Process is ProcessCommand: it reads path as Open does, and writes to
// standard output how long that took.
func Process(path string) error {
	name, err := syscall.BytePtrFromString(path)
	if err != nil {
		return err
	}
	buf := make([]byte, readBufferBytes)
	start := time.Now()
	if err := readAll(name, buf); err != nil {
		return err
	}
	nsec := max(time.Since(start), 1)
	var text [timingBytes]byte
	binary.NativeEndian.PutUint64(text[:], uint64(nsec))
	_, err = os.Stdout.Write(text[:])
	return err
}
