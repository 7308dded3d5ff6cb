package fusedev

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"
)

// queue is where requests wait for their turn. The kernel's own queue is first
// in, first out: a container with 2000 threads that read would keep everybody
// else waiting for 2000 answers. So when requests pile up there, readers take
// them all at once, and answer the containers in turn.
//
// A container that has many requests at a time is answered at a pace that
// leaves most of podview's time to others. That costs it nothing but its own
// patience, and no request more than maxWait.
type queue struct {
	// whose is a number for the container of a thread.
	whose func(tid int) uint64
	// on: requests pile up, so they go through here.
	on atomic.Bool
	// looks counts the watch's looks. Deadlines go by them, not by time: in a
	// process that was stopped and goes on, all requests are old.
	looks atomic.Int64
	// queued counts the requests that came here.
	queued atomic.Uint64

	mu      sync.Mutex
	lot     lot
	flows   map[uint64]*flow
	turns   []*flow // those with requests that wait; the next one first
	waiting int
	owners  map[uint32]owner // of threads, for a moment
	pace    pace
}

// flow is the requests of one container.
type flow struct {
	owner     uint64
	requests  []parked // oldest first
	answering int
}

type parked struct {
	place int // in the lot
	since time.Time
	looks int64
}

type owner struct {
	number uint64
	since  time.Time
}

const (
	// promptRequests at a time a container may have and be answered at once, in
	// turn with the others: more than programs have that read these files from
	// a few threads.
	promptRequests = 32
	// maxWait is how long a request waits at most. Its thread can't even be
	// killed meanwhile (fs/fuse/dev.c, request_wait_answer: what was taken from
	// the kernel's queue is waited for).
	maxWait = time.Second
	// takingCost is about what a request costs before it is answered.
	takingCost = 10 * time.Microsecond
	// ownerAge is how long a thread's number is taken to be the same thread's.
	ownerAge = time.Second
	// maxOwners bounds what is remembered of threads.
	maxOwners = 1 << 16
)

func newQueue(memory []byte, whose func(tid int) uint64) *queue {
	return &queue{whose: whose, lot: lot{memory: memory}, flows: map[uint64]*flow{}, owners: map[uint32]owner{}}
}

// adopt lets the requests wait that a predecessor has left in the lot.
func (q *queue) adopt() {
	for _, place := range q.lot.left() {
		tid := callerOf(q.lot.at(place))
		q.add(place, q.ownerOf(tid, time.Now()), time.Now())
	}
}

// put moves the request in slot into the queue. It is false for one that nobody
// waits for, and for one that has no room: they are answered at once.
func (q *queue) put(slot []byte) bool {
	if !mayWait(slot) {
		return false
	}
	cutIoctl(slot)
	now := time.Now()
	number := q.ownerOf(callerOf(slot), now)
	q.mu.Lock()
	defer q.mu.Unlock()
	place, ok := q.lot.park(slot[:pending(slot)])
	if !ok {
		return false
	}
	empty(slot)
	q.add(place, number, now)
	return true
}

func (q *queue) add(place int, number uint64, now time.Time) {
	f := q.flows[number]
	if f == nil {
		f = &flow{owner: number}
		q.flows[number] = f
	}
	if len(f.requests) == 0 {
		q.turns = append(q.turns, f)
	}
	f.requests = append(f.requests, parked{place, now, q.looks.Load()})
	q.on.Store(true) // pause may just have found nothing
	q.waiting++
	q.queued.Add(1)
}

// turn is a request that was taken from the queue.
type turn struct {
	flow  *flow // nil for a request that was not in the queue
	paced bool
	began time.Time
	// looks of the watch have seen it wait.
	looks int
}

// take moves the request whose turn it is into slot. ok is false when none
// may be answered now.
func (q *queue) take(slot []byte, now time.Time) (t turn, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	i, paced := q.next(now)
	if i < 0 {
		return turn{}, false
	}
	f := q.turns[i]
	q.turns = append(q.turns[:i], q.turns[i+1:]...)
	first := f.requests[0]
	if f.requests = f.requests[1:]; len(f.requests) > 0 {
		q.turns = append(q.turns, f)
	}
	f.answering++
	q.waiting--
	q.lot.leave(first.place, slot)
	return turn{flow: f, paced: paced, began: now, looks: int(q.looks.Load() - first.looks)}, true
}

// next is the place in turns of the container to be answered next; -1 for none.
func (q *queue) next(now time.Time) (i int, paced bool) {
	i = -1
	open := q.pace.open(now)
	for n, f := range q.turns {
		switch {
		case !f.isOver():
			return n, false
		case now.Sub(f.requests[0].since) >= maxWait:
			return n, true
		case open && i < 0:
			i = n
		}
	}
	return i, true
}

// isOver tells a container that asks beyond its share.
func (f *flow) isOver() bool { return len(f.requests)+f.answering > promptRequests }

// done is told when the request of a turn has been answered.
func (q *queue) done(t turn, now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if t.paced {
		q.pace.spend(now.Sub(t.began) + takingCost)
	}
	if t.flow.answering--; t.flow.answering == 0 && len(t.flow.requests) == 0 {
		delete(q.flows, t.flow.owner)
	}
}

// pause is how long nothing in the queue may be answered. Nothing waits when
// ok is false; then requests need not go through the queue either.
func (q *queue) pause(now time.Time) (pause time.Duration, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting == 0 {
		clear(q.owners)
		q.on.Store(false)
		return 0, false
	}
	pause = q.pace.wait(now)
	for _, f := range q.turns {
		if !f.isOver() {
			return 0, true
		}
		pause = min(pause, maxWait-now.Sub(f.requests[0].since))
	}
	return max(pause, 0), true
}

func (q *queue) isEmpty() bool {
	if q == nil || !q.on.Load() {
		return true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting == 0
}

// ownerOf is whose, remembered for a moment: a container with many threads
// would keep podview busy with that alone.
func (q *queue) ownerOf(tid uint32, now time.Time) uint64 {
	q.mu.Lock()
	known, ok := q.owners[tid]
	q.mu.Unlock()
	if ok && now.Sub(known.since) < ownerAge {
		return known.number
	}
	number := q.whose(int(tid)) // may read files
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.owners) >= maxOwners {
		clear(q.owners)
	}
	q.owners[tid] = owner{number, now}
	return number
}

// cutIoctl drops what ioctl(2) sends along, up to 4 KiB that nobody reads,
// so that such requests have room in the queue.
func cutIoctl(slot []byte) {
	if binary.NativeEndian.Uint32(slot[4:]) == opIoctl && pending(slot) > ioctlBytes {
		binary.NativeEndian.PutUint32(slot[ioctlBytes-8:], 0) // in_size
		binary.NativeEndian.PutUint32(slot, ioctlBytes)
	}
}

// ioctlBytes is the size of struct fuse_ioctl_in behind the header.
const ioctlBytes = requestHeaderBytes + 32

// mayWait tells requests that somebody waits for. Others, such as RELEASE, are
// cheap, and have no turn to lose.
func mayWait(slot []byte) bool {
	if pending(slot) < requestHeaderBytes {
		return false
	}
	switch binary.NativeEndian.Uint32(slot[4:]) {
	case opForget, opRelease, opInit, opReleaseDir, opInterrupt, opDestroy, opBatchForget:
		return false
	}
	return true
}
