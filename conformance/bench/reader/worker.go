package reader

import (
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

func newWorker(exe string) (*worker, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &worker{jobs: make(chan job), exe: exe, buf: make([]byte, readBufferBytes), kept: -1, timings: read, childFD: write}, nil
}

// run does jobs on a thread of its own: servers know readers by thread ids.
func (w *worker) run() {
	runtime.LockOSThread()
	for j := range w.jobs {
		j.done <- w.do(j.request)
	}
}

func (w *worker) do(r *Request) outcome {
	path, err := syscall.BytePtrFromString(r.Path)
	if err != nil {
		return outcome{err: err}
	}
	if r.Op == "prepare" {
		return outcome{err: w.prepare(r, path)}
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
// read once, and the descriptor that is kept is open until the next prepare.
func (w *worker) prepare(r *Request, path *byte) error {
	if w.kept >= 0 {
		unix.Close(w.kept)
		w.kept = -1
	}
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

// repeat reads until the burst is over, and once in any case. read returns its own measure of how
// long it took; 0 for none.
func (w *worker) repeat(r *Request, read func() (int64, error)) (o outcome) {
	start, err := begin(r.Start)
	if err != nil {
		return outcome{err: err}
	}
	last := time.Since(start) // more than 0 for a thread that comes late
	for o.ops == 0 || o.ops < r.Ops || r.Ops == 0 && int64(last) < r.Nsec {
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
