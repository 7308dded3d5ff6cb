package fusedev

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// request is a GETATTR with that number, from that thread.
func request(unique uint64, tid uint32) []byte {
	r := make([]byte, requestHeaderBytes+16)
	binary.NativeEndian.PutUint32(r, uint32(len(r)))
	binary.NativeEndian.PutUint32(r[4:], opGetattr)
	binary.NativeEndian.PutUint64(r[8:], unique)
	binary.NativeEndian.PutUint32(r[32:], tid)
	return r
}

func inSlot(r []byte) []byte { return append(slices.Clone(r), make([]byte, SlotBytes-len(r))...) }

// hundreds is the container of a thread: 7 for 700 to 799.
func hundreds(tid int) uint64 { return uint64(tid / 100) }

func testQueue(t *testing.T) *queue {
	t.Helper()
	q := newQueue(make([]byte, LotBytes), hundreds)
	q.adopt()
	return q
}

func putOne(t *testing.T, q *queue, unique uint64, tid uint32) {
	t.Helper()
	slot := inSlot(request(unique, tid))
	if !q.put(slot) {
		t.Fatalf("request %d has no place in the queue", unique)
	}
	if pending(slot) != 0 {
		t.Fatalf("request %d is in the queue and in the slot", unique)
	}
}

// takeOne is the number of the request whose turn it is at a time, 0 for none.
func takeOne(q *queue, at time.Time, took time.Duration) uint64 {
	slot := make([]byte, SlotBytes)
	turn, ok := q.take(slot, at)
	if !ok {
		return 0
	}
	q.done(turn, at.Add(took))
	return RequestIn(slot)
}

func TestContainersTakeTurns(t *testing.T) {
	q := testQueue(t)
	for n := range uint64(3) {
		putOne(t, q, 10+n, 100)
	}
	putOne(t, q, 20, 200)
	putOne(t, q, 30, 300)
	var got []uint64
	for range 5 {
		got = append(got, takeOne(q, time.Now(), 0))
	}
	if want := []uint64{10, 20, 30, 11, 12}; !slices.Equal(got, want) {
		t.Errorf("answered in the order %v, want %v", got, want)
	}
}

func TestManyRequestsArePaced(t *testing.T) {
	q := testQueue(t)
	const many = 100
	for n := range uint64(many) {
		putOne(t, q, 1+n, 100)
	}
	putOne(t, q, 999, 200)
	now := time.Now()
	if got := takeOne(q, now, 0); got != 999 {
		t.Fatalf("first comes request %d of a container with %d, want that of the one with one", got, many)
	}
	// A slow answer takes the time of many quick ones.
	if got := takeOne(q, now, time.Hour); got != 1 {
		t.Fatalf("then comes %d, want 1", got)
	}
	if got := takeOne(q, now, 0); got != 0 {
		t.Fatalf("the container's time is spent, and request %d is answered", got)
	}
	pause, ok := q.pause(now)
	if !ok || pause <= 0 || pause > maxWait {
		t.Fatalf("pause of %v, %v", pause, ok)
	}
	putOne(t, q, 1000, 200)
	if got := takeOne(q, now, 0); got != 1000 {
		t.Errorf("others have to wait meanwhile: %d", got)
	}
	if got := takeOne(q, now.Add(maxWait+time.Second), 0); got != 2 {
		t.Errorf("what has waited for %v is not answered: %d", maxWait, got)
	}
}

func TestPaceIsAThird(t *testing.T) {
	var p pace
	now := time.Now()
	p.open(now)
	p.spend(p.credit) // what it began with
	const took = time.Millisecond
	for range 10 {
		if p.open(now) {
			p.spend(took)
		}
		now = now.Add(p.wait(now))
	}
	if !p.open(now) {
		t.Error("the pause is over, and nothing may be answered")
	}
	for _, spent := range []time.Duration{10 * took, time.Hour} {
		p.credit = 0
		p.spend(spent)
		if got := p.wait(now); got < 9*pacePart*took || got > 11*pacePart*took {
			t.Errorf("pause of %v after %v", got, spent)
		}
	}
}

func TestFewRequestsAreNotPaced(t *testing.T) {
	q := testQueue(t)
	for n := range uint64(promptRequests) {
		putOne(t, q, 1+n, 100)
	}
	for n := range uint64(promptRequests) {
		if got := takeOne(q, time.Now(), time.Hour); got != n+1 {
			t.Fatalf("request %d of %d: took %d", n+1, promptRequests, got)
		}
	}
	if _, ok := q.pause(time.Now()); ok || q.on.Load() || len(q.flows) != 0 || len(q.turns) != 0 {
		t.Error("the queue is empty, and not at rest")
	}
	// Another reader had seen it at work.
	if putOne(t, q, 50, 100); !q.on.Load() {
		t.Error("a request waits, and nobody looks into the queue")
	}
}

// TestTheQueueCountsForTheDeadline: by looks of the watch.
func TestTheQueueCountsForTheDeadline(t *testing.T) {
	q := testQueue(t)
	putOne(t, q, 1, 100)
	q.looks.Add(3)
	putOne(t, q, 2, 100)
	q.looks.Add(2)
	slot := make([]byte, SlotBytes)
	for n, want := range []int{5, 2} {
		if turn, ok := q.take(slot, time.Now()); !ok || turn.looks != want {
			t.Errorf("request %d was seen waiting %d times, want %d", n+1, turn.looks, want)
		}
	}
}

// TestLateFromTheQueue: what has waited too long for its turn is answered as
// what takes too long.
func TestLateFromTheQueue(t *testing.T) {
	late := newGated()
	close(late.may)
	c := NewConn(-1, newGated(), NewSlots(1)) // which would not answer
	c.late, c.Deadline = newServer(late), 3*lookInterval
	c.Lot = make([]byte, LotBytes)
	c.TakeTurns(hundreds)
	r := &reader{conn: c, server: c.server, slot: c.slots[0], watch: newWatch(true), queue: c.queue, reply: make([]byte, replyBufferBytes)}
	putOne(t, c.queue, 1, 100)
	c.queue.looks.Add(3)
	var ok bool
	if r.turn, ok = c.queue.take(r.slot, time.Now()); !ok {
		t.Fatal("nothing to take")
	}
	r.answer()
	if pending(r.slot) != 0 {
		t.Error("no answer")
	}
}

// TestQueueIsBounded: what has no room is answered as it comes.
func TestQueueIsBounded(t *testing.T) {
	q := testQueue(t)
	slot := inSlot(request(1, 100))
	for range places {
		copy(slot, request(1, 100))
		if !q.put(slot) {
			t.Fatalf("the queue is full at %d", q.waiting)
		}
	}
	copy(slot, request(2, 200))
	if q.put(slot) || RequestIn(slot) != 2 {
		t.Error("a full queue takes another")
	}
	takeOne(q, time.Now(), 0)
	if !q.put(slot) {
		t.Error("a place became free, and nothing gets it")
	}
	if q.lot.used() != places {
		t.Errorf("%d places, want %d", q.lot.used(), places)
	}
}

func TestThreadsRememberedAreBounded(t *testing.T) {
	q := testQueue(t)
	asked := 0
	q.whose = func(int) uint64 { asked++; return 0 }
	now := time.Now()
	q.ownerOf(1, now)
	q.ownerOf(1, now.Add(ownerAge/2))
	if asked != 1 {
		t.Errorf("asked %d times whose a thread is", asked)
	}
	if q.ownerOf(1, now.Add(2*ownerAge)); asked != 2 {
		t.Error("its number may be another thread's by now, and is not asked for")
	}
	for tid := range uint32(maxOwners + 10) {
		q.ownerOf(tid, now)
	}
	if len(q.owners) > maxOwners {
		t.Errorf("%d threads remembered", len(q.owners))
	}
}

func TestNotEverythingWaits(t *testing.T) {
	q := testQueue(t)
	for _, op := range []uint32{opForget, opRelease, opReleaseDir, opInterrupt, opBatchForget, opInit, opDestroy} {
		slot := inSlot(request(1, 100))
		binary.NativeEndian.PutUint32(slot[4:], op)
		if q.put(slot) {
			t.Errorf("opcode %d waits for its turn", op)
		}
	}
	slot := inSlot(request(1, 100))
	binary.NativeEndian.PutUint32(slot, placeBytes+1)
	if q.put(slot) {
		t.Errorf("a request of %d bytes has no place", placeBytes+1)
	}
	binary.NativeEndian.PutUint32(slot, requestHeaderBytes-1)
	if q.put(slot) {
		t.Error("half a header is in the queue")
	}
}

// TestLongIoctlsWait: nobody reads what they send along.
func TestLongIoctlsWait(t *testing.T) {
	q := testQueue(t)
	slot := inSlot(request(1, 100))
	binary.NativeEndian.PutUint32(slot, 4000)
	binary.NativeEndian.PutUint32(slot[4:], opIoctl)
	binary.NativeEndian.PutUint32(slot[64:], 4000-ioctlBytes)
	if !q.put(slot) {
		t.Fatal("a long ioctl has no place in the queue")
	}
	if _, ok := q.take(slot, time.Now()); !ok || pending(slot) != ioctlBytes || binary.NativeEndian.Uint32(slot[64:]) != 0 {
		t.Errorf("%d bytes, which send %d along", pending(slot), binary.NativeEndian.Uint32(slot[64:]))
	}
}

// TestTheNextProcessFindsThem: a worker that is killed leaves what waits.
func TestTheNextProcessFindsThem(t *testing.T) {
	memory := make([]byte, LotBytes)
	q := newQueue(memory, hundreds)
	for n := range uint64(5) {
		putOne(t, q, 1+n, 100)
	}
	if !Waits(memory) || Waits(make([]byte, LotBytes)) {
		t.Error("nobody can tell that requests wait")
	}
	takeOne(q, time.Now(), 0)
	binary.NativeEndian.PutUint32(q.lot.at(3), requestHeaderBytes-1) // written by nobody of us
	next := newQueue(memory, hundreds)
	next.adopt()
	if !next.on.Load() {
		t.Error("requests are left, and do not go through the queue")
	}
	var got []uint64
	for range 4 {
		got = append(got, takeOne(next, time.Now(), 0))
	}
	if want := []uint64{2, 3, 5, 0}; !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
	putOne(t, next, 7, 100)
	Forget(nil, memory)
	last := newQueue(memory, hundreds)
	last.adopt()
	if got := takeOne(last, time.Now(), 0); got != 0 {
		t.Errorf("request %d was forgotten, and is there", got)
	}
}

// TestAFloodWaitsForOthers goes through the device loop: what came last, from a
// container that asks little, is answered before most of a flood.
func TestAFloodWaitsForOthers(t *testing.T) {
	const flood, little = 3 * lookEvery, 100_000
	kernel, device := socketPair(t)
	stop, stopping, err := pipe(t)
	if err != nil {
		t.Fatal(err)
	}
	fs := newGated()
	close(fs.may)
	c := NewConn(device, fs, NewSlots(2))
	c.Readers, c.Lot = 1, make([]byte, LotBytes)
	c.TakeTurns(hundreds)
	for n := range uint64(flood) {
		send(t, kernel, request(1+n, 100))
	}
	send(t, kernel, request(little, 200))
	served := make(chan error, 1)
	go func() { served <- c.Serve(stop) }()
	answered, reply := map[uint64]int{}, make([]byte, 4096)
	for n := range flood + 1 {
		if _, err := unix.Read(kernel, reply); err != nil {
			t.Fatal(err)
		}
		answered[binary.NativeEndian.Uint64(reply[8:])] = n
	}
	if len(answered) != flood+1 {
		t.Errorf("%d requests answered, want %d", len(answered), flood+1)
	}
	if at := answered[little]; at > lookEvery+pileUp+2*takeAtOnce {
		t.Errorf("answered after %d of %d requests of the flood", at, flood)
	}
	if c.Queued() == 0 {
		t.Error("nothing was counted")
	}
	unix.Close(stopping)
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func socketPair(t *testing.T) (a, b int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		t.Cleanup(func() { unix.Close(fd) })
		// Room for all: FUSE has no bound.
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 4<<20); err != nil {
			t.Skip("needs CAP_NET_ADMIN: ", err)
		}
	}
	return fds[0], fds[1]
}

func pipe(t *testing.T) (read, write int, err error) {
	fds := make([]int, 2)
	err = unix.Pipe2(fds, unix.O_CLOEXEC)
	t.Cleanup(func() { unix.Close(fds[0]) })
	return fds[0], fds[1], err
}

func send(t *testing.T, fd int, request []byte) {
	t.Helper()
	if _, err := unix.Write(fd, request); err != nil {
		t.Fatal(err)
	}
}
