package fusefs

import (
	"sync"
	"sync/atomic"
	"time"
)

// handleTable keeps, per open file, the text that its last read from the
// start was answered with, so that a file read in parts is of one piece.
// A handle without an entry (another process opened it, or there are too
// many) works too: its text is rendered for each read.
type handleTable struct {
	mu   sync.Mutex
	open map[uint64]*snapshot
	free []*snapshot // of closed files, for the next ones: no garbage
	next *atomic.Uint64
	size atomic.Int64 // bytes kept in all snapshots
}

type snapshot struct {
	kept bool // accounted for in the table's size
	// abandoned: a read that was too slow has it; nobody will hear of that.
	abandoned atomic.Bool
	mu        sync.Mutex
	// handle is whose text it is: a snapshot is used again, and a request
	// that comes twice may be late.
	handle uint64
	has    bool // text is what the handle goes on with
	text   []byte
	// length is the text's, and outlives it: what is beyond is the end.
	length int
}

// A container can keep as many files open as its limits allow; that must not
// fill our memory, nor take the snapshots of those who are reading. So beyond
// maxSnapshotBytes a text goes when it was read to its end, and only far
// beyond that in the middle.
const (
	maxSnapshots     = 1 << 16
	maxSnapshotBytes = 32 << 20
	hardLimitBytes   = 4 * maxSnapshotBytes
	// maxFree snapshots wait to be used again, those with a longer buffer
	// than maxFreeBytes not.
	maxFree      = 64
	maxFreeBytes = 16 << 10
)

func newHandleTable() *handleTable {
	return &handleTable{open: map[uint64]*snapshot{}, next: new(atomic.Uint64)}
}

// begin makes ids that nobody on the same mount has given out: by last, the
// number that is shared with them, and where that was lost by nanoseconds
// since the epoch, of which more pass than files are opened.
func (t *handleTable) begin(last *atomic.Uint64, now time.Time) {
	t.next = last
	for {
		n := last.Load()
		if last.CompareAndSwap(n, max(n, uint64(now.UnixNano()))) {
			return
		}
	}
}

// get returns the handle's snapshot, locked, or one for this read only.
func (t *handleTable) get(fh uint64) *snapshot {
	t.mu.Lock()
	s := t.open[fh]
	isNew, kept := s == nil, len(t.open) < maxSnapshots
	if isNew {
		s = t.unused()
		if kept {
			t.open[fh] = s
		}
	}
	t.mu.Unlock()
	s.mu.Lock()
	if isNew {
		// Somebody may have filled it again since it was dropped: a read that
		// ran beside the close of its file.
		s.text, s.has, s.length = s.text[:0], false, 0
		s.handle, s.kept = fh, kept
		t.resized(s, cap(s.text))
	}
	if s.handle != fh { // closed, and used again, since the table was asked
		s.mu.Unlock()
		s = &snapshot{handle: fh}
		s.mu.Lock()
	}
	return s
}

// unused is a snapshot that nobody has.
func (t *handleTable) unused() *snapshot {
	last := len(t.free) - 1
	if last < 0 {
		return &snapshot{}
	}
	s := t.free[last]
	t.free = t.free[:last]
	return s
}

// resized accounts for the memory of a kept snapshot.
func (t *handleTable) resized(s *snapshot, by int) {
	if s.kept {
		t.size.Add(int64(by))
	}
}

// abandon leaves a handle's snapshot to the read that is at it. The handle
// gets another.
func (t *handleTable) abandon(fh uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.open[fh]; s != nil {
		s.abandoned.Store(true)
		delete(t.open, fh)
		go t.drop(s) // when the read ends
	}
}

// release ends a handle. Its snapshot can be another's then.
func (t *handleTable) release(fh uint64) {
	t.mu.Lock()
	s := t.open[fh]
	delete(t.open, fh)
	t.mu.Unlock()
	if s == nil {
		return
	}
	t.drop(s)
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.free) < maxFree {
		t.free = append(t.free, s)
	}
}

// drop takes what a snapshot that is not in the table any more says.
func (t *handleTable) drop(s *snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.resized(s, -cap(s.text))
	s.kept, s.handle, s.has, s.length = false, noHandle, false, 0
	if s.text = s.text[:0]; cap(s.text) > maxFreeBytes {
		s.text = nil
	}
}

// noHandle is never given out.
const noHandle = 0

// trim lets go of a text when there are too many.
func (t *handleTable) trim(s *snapshot, ended bool) {
	if size := t.size.Load(); size > hardLimitBytes || size > maxSnapshotBytes && ended {
		t.resized(s, -cap(s.text))
		s.text, s.has = nil, false
	}
}
