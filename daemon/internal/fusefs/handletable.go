package fusefs

import (
	"hash/crc32"
	"math"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// handleTable keeps, per open file, the text that its last read from the
// start was answered with, so that a file read in parts is of one piece.
// A handle without an entry (another process opened it, or it was forgotten)
// works too: its text is rendered for each read.
type handleTable struct {
	mu     sync.Mutex
	open   map[uint64]*snapshot
	free   []*snapshot // of closed files, for the next ones: no garbage
	shares map[uint64]*share
	// unusedShares are empty ones: no garbage.
	unusedShares []*share
	next         *atomic.Uint64
	size         atomic.Int64 // bytes of all texts in the table
}

// snapshot has one open file's text. The table's lock guards what is under
// that word, the snapshot's own the rest. Who has the own lock may take the
// table's; the other way round it is only tried.
type snapshot struct {
	// abandoned: a read that was too slow has it; nobody will hear of that.
	abandoned atomic.Bool
	mu        sync.Mutex
	// handle is whose text it is: a snapshot is used again, and a request
	// that comes twice may be late.
	handle uint64
	has    bool // text is what the handle goes on with
	text   []byte
	// length is the text's, and outlives it: what is beyond is the end. So do
	// end, as far as it was read, and sum, the checksum of what was.
	length, end int
	sum         uint32

	// The table's:
	share        *share
	charged      int  // bytes of text, as the share counts them
	dropped      bool // it is in the share's list of those without a text
	newer, older *snapshot
}

func newHandleTable() *handleTable {
	return &handleTable{open: map[uint64]*snapshot{}, shares: map[uint64]*share{}, next: new(atomic.Uint64)}
}

// begin makes ids that nobody on the same mount has given out: by last, the
// number that is shared with them, and where that was lost by nanoseconds
// since the epoch, of which more pass than files are opened. A last that no
// clock comes to is damage, and the next ones after it may be 0.
func (t *handleTable) begin(last *atomic.Uint64, now time.Time) {
	t.next = last
	for {
		n, first := last.Load(), uint64(now.UnixNano())
		if n <= math.MaxInt64 {
			first = max(first, n)
		}
		if last.CompareAndSwap(n, first) {
			return
		}
	}
}

// get returns the handle's snapshot, locked, or one for this read only.
func (t *handleTable) get(fh uint64) *snapshot {
	t.mu.Lock()
	s := t.open[fh]
	if s == nil {
		s = t.unused()
		s.handle = fh
		t.open[fh] = s
		t.mu.Unlock()
		return s
	}
	t.mu.Unlock()
	s.mu.Lock()
	if s.handle != fh { // closed, and used again, since the table was asked
		s.mu.Unlock()
		s = &snapshot{handle: fh}
		s.mu.Lock()
	}
	return s
}

// maxFree snapshots wait to be used again, those with a longer buffer
// than maxFreeBytes without it.
const (
	maxFree      = 64
	maxFreeBytes = 16 << 10
)

// unused is a snapshot that nobody has, locked.
func (t *handleTable) unused() *snapshot {
	if last := len(t.free) - 1; last >= 0 {
		s := t.free[last]
		t.free = t.free[:last]
		if s.mu.TryLock() { // else a read beside the close of its file has it
			// Such a read may have filled it again since it was dropped.
			s.empty()
			return s
		}
	}
	s := &snapshot{}
	s.mu.Lock()
	return s
}

// empty leaves a snapshot of no file.
func (s *snapshot) empty() {
	s.handle, s.has, s.length, s.end, s.sum = noHandle, false, 0, 0, 0
	if s.text = s.text[:0]; cap(s.text) > maxFreeBytes {
		s.text = nil
	}
}

// noHandle is never given out.
const noHandle = 0

// abandon leaves a handle's snapshot to the read that is at it. The handle
// gets another.
func (t *handleTable) abandon(fh uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.open[fh]; s != nil {
		s.abandoned.Store(true)
		t.remove(fh, s)
	}
}

// release ends a handle. Its snapshot can be another's then.
func (t *handleTable) release(fh uint64) {
	t.mu.Lock()
	s := t.open[fh]
	if s != nil {
		t.remove(fh, s)
	}
	t.mu.Unlock()
	if s == nil {
		return
	}
	s.mu.Lock()
	s.empty()
	s.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.free) < maxFree {
		t.free = append(t.free, s)
	}
}

// remove takes a snapshot out of the table. The caller has the table's lock.
func (t *handleTable) remove(fh uint64, s *snapshot) {
	delete(t.open, fh)
	t.leave(s)
}

// trim lets go of a text that was read to its end when there are too many.
func (t *handleTable) trim(s *snapshot) {
	if s.end == s.length && t.size.Load() > maxSnapshotBytes {
		s.drop()
		t.mu.Lock()
		defer t.mu.Unlock()
		t.charge(s, 0)
	}
}

// drop lets go of the text, and notes what its reader has of it.
func (s *snapshot) drop() {
	if s.has {
		s.sum = crc32.ChecksumIEEE(s.text[:s.end])
	}
	s.text, s.has = nil, false
}

// errTorn is for a reader in the middle of a text that had to go, where a new
// one differs in what the reader has: better no more of it than parts of two.
const errTorn = syscall.ESTALE

// goesOn tells whether text is one that the reader of a dropped text can go on
// with.
func (s *snapshot) goesOn(text []byte) bool {
	if len(text) < s.end || s.end == s.length && len(text) != s.length {
		return false
	}
	return crc32.ChecksumIEEE(text[:s.end]) == s.sum
}
