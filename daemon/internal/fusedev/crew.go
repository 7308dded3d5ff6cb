package fusedev

import (
	"errors"
	"slices"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/klog/v2"
)

// crew is the readers of a connection. One that makes no progress, because
// the kernel keeps a cgroup file from it, gets a stand-in, so that as many as
// the connection's Readers go on; as long as there are slots. The last slot's
// reader answers from the host alone, so that somebody always answers.
//
// Only wait's goroutine touches the fields.
type crew struct {
	conn    *Conn
	stop    int
	members []*reader // by slot, nil where there is none
	ended   chan end
	watch   *watch
}

type end struct {
	slot int
	err  error
}

// lookInterval is how often the watch looks. A reader that is at the same
// request at two looks is stuck.
const lookInterval = 250 * time.Millisecond

func newCrew(c *Conn, stop int) *crew {
	return &crew{conn: c, stop: stop, members: make([]*reader, len(c.slots)), ended: make(chan end, len(c.slots)), watch: newWatch(c.late != nil)}
}

// start begins with the readers that are always there, and one for each
// request that a predecessor left in another slot, which then leaves.
func (w *crew) start() {
	if w.conn.queue != nil {
		w.conn.queue.adopt()
	}
	for slot := range w.conn.slots {
		// The kernel pins the pages after it has dequeued a request, and brings
		// none in for a thread that is being killed: the caller would get EIO
		// (fs/fuse/dev.c, fuse_copy_fill; mm/gup.c). That can still happen
		// before Linux 5.14, with pages of 64 KiB and after a swap-out.
		_ = unix.Madvise(w.conn.slots[slot], unix.MADV_POPULATE_WRITE)
		if slot < w.conn.Readers {
			w.add(slot)
		} else if pending(w.conn.slots[slot]) > 0 {
			w.add(slot).leave = true
		}
	}
	for slot, r := range w.members {
		if r != nil {
			w.run(slot)
		}
	}
}

// add makes a reader for a slot; run starts it.
func (w *crew) add(slot int) *reader {
	r := &reader{conn: w.conn, server: w.conn.server, slot: w.conn.slots[slot], watch: w.watch, queue: w.conn.queue}
	if w.isLast(slot) {
		r.server = w.conn.spare
	}
	w.members[slot] = r
	return r
}

func (w *crew) run(slot int) {
	r := w.members[slot]
	go func() { w.ended <- end{slot, r.run(w.stop)} }()
}

// wait returns when a reader has found the connection ended; others may still
// be stuck then.
func (w *crew) wait() error {
	defer w.watch.stop()
	for {
		select {
		case e := <-w.ended:
			if !errors.Is(e.err, errLeft) {
				return e.err
			}
			w.members[e.slot] = nil
		case <-w.watch.wanted:
			w.watch.start()
		case <-w.watch.looks():
			busy := w.look()
			w.watch.rest(busy, w.isBusy)
		}
	}
}

// isBusy tells whether anybody has a request.
func (w *crew) isBusy() bool {
	return slices.ContainsFunc(w.members, func(r *reader) bool { return r != nil && r.isBusy() })
}

// look counts the readers that are stuck, answers for those that have been
// too long, and keeps as many going as there should be. busy is whether
// anybody has a request.
func (w *crew) look() (busy bool) {
	going := 0
	if w.conn.queue != nil {
		w.conn.queue.looks.Add(1)
	}
	for _, r := range w.members {
		if r == nil {
			continue
		}
		switch looks, waited := r.look(); {
		case looks == 0:
			going++
		case waited >= w.conn.tooLong():
			if request, answered := r.take(); request != nil {
				go w.conn.answerLate(request, answered)
			}
		}
	}
	w.adjust(going)
	return w.isBusy()
}

// tooLong is the number of looks after which a request is late.
func (c *Conn) tooLong() int { return max(int(c.Deadline/lookInterval), 1) }

// adjust brings the number of those that are not stuck to what it should be.
// The reader of the last slot is there only while there is no other.
func (w *crew) adjust(going int) {
	for slot, r := range w.members {
		switch {
		case r == nil && (going == 0 || going < w.conn.Readers && !w.isLast(slot)):
			w.add(slot)
			w.run(slot)
			going++
			klog.V(1).InfoS("A reader is stuck in a slow file; another takes its place", "slot", slot)
		case r != nil && r.looks == 0:
			r.dismiss(w.surplus(slot))
		}
	}
}

// surplus tells whether enough readers in lower slots are going.
func (w *crew) surplus(slot int) bool {
	before := 0
	for _, r := range w.members[:slot] {
		if r != nil && r.looks == 0 {
			before++
		}
	}
	return before >= w.conn.Readers || w.isLast(slot) && before > 0
}

// isLast tells the slot whose reader answers from the host.
func (w *crew) isLast(slot int) bool {
	return w.conn.late != nil && slot == len(w.members)-1 && slot >= w.conn.Readers
}

// answerLate answers a request that was taken from a reader.
func (c *Conn) answerLate(request []byte, answered chan<- struct{}) {
	buffer := make([]byte, replyBufferBytes)
	c.write(buffer[:c.late.handle(request, buffer)])
	close(answered)
	if c.Missed != nil { // it may log, which must not keep the reader waiting
		c.Missed()
	}
}
