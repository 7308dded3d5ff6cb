package fusefs

import (
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// handleTable keeps, per open file, the text that its last read from the
// start was answered with, so that a file read in parts is of one piece.
// A handle without an entry (another process opened it, or there are too
// many) works too: its text is rendered for each read.
type handleTable struct {
	mu   sync.Mutex
	open map[uint64]*snapshot
	next atomic.Uint64
	size atomic.Int64 // bytes kept in all snapshots
}

type snapshot struct {
	kept bool // accounted for in the table's size
	// abandoned: a read that was too slow has it; nobody will hear of that.
	abandoned atomic.Bool
	mu        sync.Mutex
	text      []byte
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
)

// newHandleTable makes ids that no earlier daemon on the same mount gave out:
// by nanoseconds since the epoch, of which more pass than files are opened.
func newHandleTable(now time.Time) *handleTable {
	t := &handleTable{open: map[uint64]*snapshot{}}
	t.next.Store(uint64(now.UnixNano()))
	return t
}

// get returns the handle's snapshot, or one for this read only.
func (t *handleTable) get(fh uint64) *snapshot {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.open[fh]
	if s == nil {
		s = &snapshot{kept: len(t.open) < maxSnapshots}
		if s.kept {
			t.open[fh] = s
		}
	}
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

func (t *handleTable) release(fh uint64) {
	t.mu.Lock()
	s := t.open[fh]
	delete(t.open, fh)
	t.mu.Unlock()
	if s != nil {
		t.drop(s)
	}
}

// drop frees the text of a snapshot that is not in the table any more.
func (t *handleTable) drop(s *snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.resized(s, -cap(s.text))
	s.kept, s.text = false, nil
}

// Open refuses to write. The kernel need not tell us of close(2) (NOFLUSH)
// and must not keep pages: they would show one container's text to another.
func (f *FS) Open(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	if in.Flags&syscall.O_ACCMODE != syscall.O_RDONLY {
		return fuse.EACCES
	}
	if _, ok := f.node(in.NodeId); !ok {
		return fuse.ENOENT
	}
	out.Fh = f.handles.next.Add(1)
	out.OpenFlags = fuse.FOPEN_DIRECT_IO | fuse.FOPEN_NOFLUSH
	return fuse.OK
}

// Read is ReadAt for go-fuse.
func (f *FS) Read(_ <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	n, status := f.ReadAt(in, buf)
	return fuse.ReadResultData(buf[:n]), status
}

// ReadAt renders afresh at offset 0, as seq_file does: top and free -s keep one
// descriptor and seek back. Other offsets continue the text of the last such
// read.
func (f *FS) ReadAt(in *fuse.ReadIn, buf []byte) (int, fuse.Status) {
	n, ok := f.node(in.NodeId)
	if !ok {
		return 0, fuse.ENOENT
	}
	if f.late {
		f.handles.abandon(in.Fh)
	}
	s := f.handles.get(in.Fh)
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.Offset > 0 && s.length > 0 && in.Offset >= uint64(s.length) {
		return 0, fuse.OK
	}
	before := cap(s.text)
	if in.Offset == 0 || s.text == nil {
		if err := f.fill(s, n.path, in); err != nil {
			return 0, status(err)
		}
	}
	f.handles.resized(s, cap(s.text)-before)
	end := min(in.Offset+uint64(len(buf)), uint64(len(s.text)))
	read := 0
	if in.Offset < end {
		read = copy(buf, s.text[in.Offset:end])
	}
	f.handles.trim(s, end == uint64(len(s.text)))
	return read, fuse.OK
}

// trim lets go of a text when there are too many.
func (t *handleTable) trim(s *snapshot, ended bool) {
	if size := t.size.Load(); size > hardLimitBytes || size > maxSnapshotBytes && ended {
		t.resized(s, -cap(s.text))
		s.text = nil
	}
}

// fill gives s the text that a read is answered from: a new one at offset 0;
// else the one that the handle's last read was answered from, by an earlier
// process perhaps, or a new one cut to its length where only that is known.
func (f *FS) fill(s *snapshot, path string, in *fuse.ReadIn) (err error) {
	length, known := s.length, s.length > 0
	switch {
	case in.Offset == 0:
		// A request that comes twice, because its worker died, may have been
		// answered: then the reader has the first text.
		s.text, length, known = f.Kept.load(in.Fh, in.Unique, s.text[:0])
	case !known:
		s.text, length, known = f.Kept.load(in.Fh, anyRequest, s.text[:0])
	}
	if known && len(s.text) == length {
		s.length = length
		return nil
	}
	if s.text, err = f.tree.Read(s.text[:0], int(in.Pid), path); err != nil {
		return err
	}
	if known {
		s.text = s.text[:min(length, len(s.text))]
	}
	if !s.abandoned.Load() {
		s.text = f.Kept.save(in.Fh, in.Unique, s.text)
	}
	s.length = len(s.text)
	return nil
}

// Release ends a handle.
func (f *FS) Release(_ <-chan struct{}, in *fuse.ReleaseIn) {
	f.handles.release(in.Fh)
	f.Kept.drop(in.Fh)
}
