package fusedev

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// reader is one thread that takes requests and answers them: plain blocking
// system calls, no poller.
type reader struct {
	conn   *Conn
	server *server
	slot   []byte
	watch  *watch
	reply  []byte
	// queue is nil where requests are answered as they come.
	queue *queue
	// turn is where the request in the slot comes from, if from the queue.
	turn turn
	// reads counts the requests that were taken from the device; piled is
	// pilesUp's.
	reads, piled int

	mu sync.Mutex
	// request is the number of the one being answered, 0 for none. While it
	// is not 0 the slot does not change.
	request uint64
	// taken, if not nil, is closed when somebody else has answered the request.
	taken chan struct{}
	// leave makes the reader end as soon as it has answered.
	leave bool
	// seen and looks are the watch's: the request that it found at its last
	// look, and how many looks in a row.
	seen  uint64
	looks int
	// waited is how many looks the request had waited for its turn.
	waited int
}

// run answers what is in the slot, then what comes. It returns nil when the
// connection has ended, errLeft when the reader was told to leave.
func (r *reader) run(stop int) error {
	r.reply = make([]byte, replyBufferBytes)
	if pending(r.slot) > 0 && r.answer() {
		return errLeft
	}
	for {
		if stop >= 0 && r.queue.isEmpty() && stopped(r.conn.fd, stop) {
			return nil
		}
		err := r.fetch()
		switch {
		case err == nil:
			// Others may be waiting in read(2), who don't look into the queue.
			if r.answer() && r.queue.isEmpty() {
				return errLeft
			}
		case errors.Is(err, unix.ENODEV): // unmounted
			return nil
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENOENT):
			// ENOENT: the caller was killed before we took its request.
		default:
			return fmt.Errorf("read %s: %w", device, err)
		}
	}
}

const (
	// lookEvery reads a reader looks whether more requests wait at the device, and
	// where some do, at the next reads too. Not more often: at 32 the readers kept
	// each other awake, and an ordinary read took a tenth longer.
	lookEvery = 1024
	// pileUp looks in a row that find some are a pile.
	pileUp = 16
	// takeAtOnce bounds how many it takes before it answers one.
	takeAtOnce = 64
)

// fetch puts a request into the slot: the device's next one, or while requests
// pile up there, the one whose turn it is.
//
// Two readers that see a request at the device may both go for it, and one then
// waits in read(2) for another. The one that got it comes here again.
func (r *reader) fetch() error {
	q := r.queue
	for taken := 0; q != nil && q.on.Load(); {
		if taken < takeAtOnce && readable(r.conn.fd, 0) {
			if waits, err := r.read(); err != nil || !waits {
				return err
			}
			taken++
			continue
		}
		now := time.Now()
		var ok bool
		if r.turn, ok = q.take(r.slot, now); ok {
			return nil
		}
		taken = 0
		if pause, ok := q.pause(now); ok && pause > 0 {
			readable(r.conn.fd, pause)
		}
	}
	if r.reads++; q != nil && r.pilesUp() {
		r.piled = 0
		q.on.Store(true)
	}
	waits, err := r.read()
	if waits {
		err = unix.EAGAIN // it may be the next
	}
	return err
}

// pilesUp tells whether more requests wait at the device than come one by one:
// a close and the next open are often there at once.
func (r *reader) pilesUp() bool {
	if r.piled == 0 && r.reads%lookEvery != 0 {
		return false
	}
	if !readable(r.conn.fd, 0) {
		r.piled = 0
		return false
	}
	r.piled++
	return r.piled >= pileUp
}

// read takes a request from the device into the slot, or where they go through
// the queue, into that; then waits is true.
func (r *reader) read() (waits bool, err error) {
	n, err := unix.Read(r.conn.fd, r.slot)
	if err != nil {
		return false, err
	}
	// What is behind it in the slot is of an earlier request.
	binary.NativeEndian.PutUint32(r.slot, uint32(n))
	if r.queue == nil || !r.queue.on.Load() {
		return false, nil
	}
	r.begin() // to find out whose it is may take long
	if waits = r.queue.put(r.slot); waits {
		r.end()
	}
	return waits, nil
}

// readable waits for a request at the device.
func readable(fd int, patience time.Duration) bool {
	timeout := unix.NsecToTimespec(int64(patience))
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Ppoll(fds, &timeout, nil)
	return err == nil && n > 0
}

var errLeft = errors.New("told to leave")

// answer replies to the request in the slot, and lets the watch see that it
// is being done.
func (r *reader) answer() (leave bool) {
	r.begin()
	server := r.server
	if r.waited >= r.conn.tooLong() && r.conn.late != nil {
		server = r.conn.late
	}
	n := server.handle(r.slot[:pending(r.slot)], r.reply)
	taken := r.done()
	if taken != nil {
		<-taken // until then the slot is all that a successor knows of it
	} else {
		r.conn.write(r.reply[:n])
	}
	if r.turn.flow != nil {
		r.queue.done(r.turn, time.Now())
		r.turn = turn{}
	}
	return r.end()
}

// begin lets the watch see the request in the slot.
func (r *reader) begin() {
	r.mu.Lock()
	r.request, r.waited = uniqueOf(r.slot), r.turn.looks
	r.mu.Unlock()
	r.watch.want()
}

// end is when the slot has no request any more.
func (r *reader) end() (leave bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	empty(r.slot)
	r.request, r.taken = 0, nil
	return r.leave
}

// done ends the time in which the request can be taken. It tells who has taken
// it, if anybody has.
func (r *reader) done() (taken <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.taken == nil {
		r.request = 0
	}
	return r.taken
}

// look counts how often in a row the watch has found the reader at the same
// request; waited is that, and how often it had found it in the queue. By number, not by time: in a process that was stopped and goes on,
// all requests are old.
func (r *reader) look() (looks, waited int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.request == 0 || r.request != r.seen {
		r.seen, r.looks = r.request, 0
		return 0, r.waited
	}
	r.looks++
	return r.looks, r.looks + r.waited
}

func (r *reader) isBusy() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.request != 0
}

// take takes the request that look has counted from the reader, who then will
// not answer it; nil if he has. Whoever takes it closes answered.
func (r *reader) take() (request []byte, answered chan<- struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.request == 0 || r.request != r.seen || r.taken != nil {
		return nil, nil
	}
	taken := make(chan struct{})
	r.taken = taken
	return bytes.Clone(r.slot[:pending(r.slot)]), taken
}

// dismiss makes the reader end after its present or next request.
func (r *reader) dismiss(leave bool) {
	r.mu.Lock()
	r.leave = leave
	r.mu.Unlock()
}
