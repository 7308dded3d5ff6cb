package fusedev

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

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
}

// run answers what is in the slot, then what comes. It returns nil when the
// connection has ended, errLeft when the reader was told to leave.
func (r *reader) run(stop int) error {
	r.reply = make([]byte, replyBufferBytes)
	if pending(r.slot) > 0 && r.answer() {
		return errLeft
	}
	for {
		if stop >= 0 && stopped(r.conn.fd, stop) {
			return nil
		}
		n, err := unix.Read(r.conn.fd, r.slot)
		switch {
		case err == nil:
			// What is behind it in the slot is of an earlier request.
			binary.NativeEndian.PutUint32(r.slot, uint32(n))
			if r.answer() {
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

var errLeft = errors.New("told to leave")

// answer replies to the request in the slot, and lets the watch see that it
// is being done.
func (r *reader) answer() (leave bool) {
	r.mu.Lock()
	r.request = uniqueOf(r.slot)
	r.mu.Unlock()
	r.watch.want()
	n := r.server.handle(r.slot[:pending(r.slot)], r.reply)
	taken := r.done()
	if taken != nil {
		<-taken // until then the slot is all that a successor knows of it
	} else {
		r.conn.write(r.reply[:n])
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	binary.NativeEndian.PutUint32(r.slot, 0)
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
// request. By number, not by time: in a process that was stopped and goes on,
// all requests are old.
func (r *reader) look() (looks int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.request == 0 || r.request != r.seen {
		r.seen, r.looks = r.request, 0
		return 0
	}
	r.looks++
	return r.looks
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
