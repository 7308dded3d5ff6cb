package reader

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/conformance/bench/latency"
)

// worker is one reading thread. Its system calls are raw: Go's scheduler
// would take part in each one that takes longer than 20 us, and that is most.
type worker struct {
	jobs    chan job
	exe     string
	buf     []byte
	latency latency.Histogram
	kept    int      // the open descriptor, -1 for none
	timings *os.File // where a child that reads says how long that took
	childFD *os.File
}

type job struct {
	request *Request
	done    chan<- outcome
}

type outcome struct {
	ops  int
	nsec int64
	err  error
}

// readBufferBytes is what most programs' buffers hold at least once.
const readBufferBytes = 64 << 10

func startWorker(exe string) (*worker, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	w := &worker{jobs: make(chan job), exe: exe, buf: make([]byte, readBufferBytes), kept: -1, timings: read, childFD: write}
	go func() {
		runtime.LockOSThread() // servers know readers by their thread ids
		for j := range w.jobs {
			j.done <- w.do(j.request)
		}
	}()
	return w, nil
}

func (w *worker) do(r *Request) outcome {
	path, err := syscall.BytePtrFromString(r.Path)
	if err != nil {
		return outcome{err: err}
	}
	switch r.Op {
	case "prepare":
		return outcome{err: w.prepare(r, path)}
	case "finish":
		w.forget()
		return outcome{}
	}
	w.latency.Reset()
	switch r.Way {
	case Open:
		return w.repeat(r, func() (int64, error) { return 0, readAll(path, w.buf) })
	case Pread:
		return w.repeat(r, func() (int64, error) { return 0, readKept(w.kept, w.buf) })
	case Spawn:
		return w.repeat(r, func() (int64, error) { return w.spawn(r.Path) })
	}
	return outcome{err: fmt.Errorf("no way to read is called %q", r.Way)}
}

// prepare does what comes before the reads that count: everything has been
// read once, and descriptors that are kept are open.
func (w *worker) prepare(r *Request, path *byte) error {
	w.forget()
	if r.Way != Pread {
		return readAll(path, w.buf)
	}
	fd, err := open(path)
	if err != nil {
		return err
	}
	w.kept = fd
	return readKept(fd, w.buf)
}

func (w *worker) forget() {
	if w.kept >= 0 {
		unix.Close(w.kept)
	}
	w.kept = -1
}

// repeat reads until the burst is over. read returns its own measure of how
// long it took; 0 for none.
func (w *worker) repeat(r *Request, read func() (int64, error)) (o outcome) {
	start, err := begin(r.Start)
	if err != nil {
		return outcome{err: err}
	}
	last := time.Since(start)
	o.nsec = int64(last) // also of one that comes too late to read at all
	for r.Ops > 0 && o.ops < r.Ops || r.Ops == 0 && int64(last) < r.Nsec {
		own, err := read()
		if err != nil {
			o.err = fmt.Errorf("%s: %w", r.Path, err)
			return o
		}
		now := time.Since(start)
		if own == 0 {
			own = int64(now - last)
		}
		w.latency.Add(uint64(own))
		last = now
		o.ops++
		o.nsec = int64(now)
	}
	return o
}

// begin waits for a moment on CLOCK_MONOTONIC, which is one for all processes,
// and returns it as Go has it.
func begin(monotonic int64) (time.Time, error) {
	now := time.Now()
	if monotonic == 0 {
		return now, nil
	}
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return now, err
	}
	start := now.Add(time.Duration(monotonic - ts.Nano()))
	time.Sleep(time.Until(start))
	return start, nil
}

func open(path *byte) (fd int, err error) {
	for {
		at := unix.AT_FDCWD
		n, _, errno := unix.RawSyscall6(unix.SYS_OPENAT, uintptr(at), uintptr(unsafe.Pointer(path)), unix.O_RDONLY|unix.O_CLOEXEC, 0, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return -1, fmt.Errorf("open: %w", errno)
		}
	}
}

// readAll is Open. A file without a byte is an error: none is empty.
func readAll(path *byte, buf []byte) error {
	fd, err := open(path)
	if err != nil {
		return err
	}
	total := uintptr(0)
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)))
		if errno != 0 && errno != unix.EINTR {
			err = fmt.Errorf("read: %w", errno)
		} else if errno == 0 {
			total += n
		}
		if err != nil || errno == 0 && n == 0 {
			break
		}
	}
	_, _, _ = unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0)
	if err == nil && total == 0 {
		err = fmt.Errorf("read: empty")
	}
	return err
}

func readKept(fd int, buf []byte) error {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_PREAD64, uintptr(fd), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)), 0, 0, 0)
		switch {
		case errno == 0 && n > 0:
			return nil
		case errno == 0:
			return fmt.Errorf("pread: empty")
		case errno != unix.EINTR:
			return fmt.Errorf("pread: %w", errno)
		}
	}
}

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
