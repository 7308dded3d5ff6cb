package host

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// watches are texts that hold until somebody writes to their file. The kernel
// reports a write before write(2) returns (fsnotify_modify in fs/read_write.c),
// so who reads after that finds the report.
//
// That is only true of files that nothing but a write changes, such as the
// limits of a cgroup.
type watches struct {
	mu      sync.Mutex
	started bool
	fd      int // inotify; -1 where there is none
	max     int
	owner   map[int32]*watched
	buf     [4096]byte
}

// watched is a text and its watch. All is guarded by by.mu.
type watched struct {
	by      *watches // set once
	id      int32    // the watch; 0: none
	again   bool     // it was read before
	changes uint64   // counts reports
	valid   bool
	text    []byte
	at      uint64 // the Files' clock before the text was read
}

// watchShare leaves the others that run as root most of what the kernel allows
// them together: 8192 watches before Linux 5.11, at most a million now.
const watchShare = 8

func (w *watches) start() {
	w.started, w.fd, w.owner = true, -1, map[int32]*watched{}
	text, err := ReadFile("/proc/sys/fs/inotify/max_user_watches", nil)
	if err != nil {
		return
	}
	allowed, err := strconv.Atoi(string(bytes.TrimSpace(text)))
	if err != nil {
		return
	}
	if fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK); err == nil {
		w.fd, w.max = fd, allowed/watchShare
	}
}

// catchUp takes in what was written until now.
func (w *watches) catchUp() {
	w.mu.Lock() // until the last event is taken in: another reader waits for it
	defer w.mu.Unlock()
	for len(w.owner) > 0 {
		n, err := unix.Read(w.fd, w.buf[:])
		if err == unix.EINTR {
			continue
		}
		if err == unix.EAGAIN {
			return
		}
		if err != nil || n < unix.SizeofInotifyEvent {
			w.endAll()
			return
		}
		w.take(w.buf[:n])
	}
}

// take reads the kernel's struct inotify_event: wd, mask, cookie, len, name.
func (w *watches) take(events []byte) {
	for len(events) >= unix.SizeofInotifyEvent {
		id := int32(binary.NativeEndian.Uint32(events))
		mask := binary.NativeEndian.Uint32(events[4:])
		nameBytes := binary.NativeEndian.Uint32(events[12:])
		if mask&unix.IN_Q_OVERFLOW != 0 {
			for _, t := range w.owner {
				t.change()
			}
		}
		if t := w.owner[id]; t != nil {
			t.change()
			if mask&unix.IN_IGNORED != 0 { // the kernel has ended the watch
				delete(w.owner, id)
				t.id = 0
			}
		}
		events = events[min(len(events), unix.SizeofInotifyEvent+int(nameBytes)):]
	}
}

// endAll: without reports no text holds.
func (w *watches) endAll() {
	for _, t := range w.owner {
		t.change()
		t.id = 0
	}
	clear(w.owner)
	unix.Close(w.fd)
	w.fd = -1
}

func (t *watched) change() {
	t.changes++
	t.valid = false
}

// begin watches the file behind fd. It must be called before the text is read,
// which keep then takes together with changes. false means that the file can't
// be watched, or need not be, because it is read for the first time: the first
// read of a container is slow enough.
func (w *watches) begin(t *watched, fd int) (changes uint64, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.started {
		w.start()
	}
	if w.fd < 0 || !t.again {
		t.again = true
		return 0, false
	}
	if t.id == 0 {
		if len(w.owner) >= w.max {
			return 0, false
		}
		// By descriptor, for the name may be another file's by now.
		id, err := unix.InotifyAddWatch(w.fd, fmt.Sprintf("/proc/self/fd/%d", fd), unix.IN_MODIFY)
		if err != nil {
			return 0, false
		}
		// One inode has one watch: of two openings the later has it.
		if earlier := w.owner[int32(id)]; earlier != nil {
			earlier.change()
			earlier.id = 0
		}
		t.by, t.id = w, int32(id)
		w.owner[t.id] = t
	}
	return t.changes, true
}

// keep takes a text, unless somebody has written since begin.
func (w *watches) keep(t *watched, text []byte, at, changes uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t.id != 0 && t.changes == changes {
		t.text, t.at, t.valid = append(t.text[:0], text...), at, true
	}
}

// unchanged appends the text if it still is the file's, and was read since.
func (w *watches) unchanged(dst []byte, t *watched, since uint64) ([]byte, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !t.valid || t.at < since {
		return dst, false
	}
	return append(dst, t.text...), true
}

// end gives the watch back. It must come before the file is closed.
func (t *watched) end() {
	if t.by == nil {
		return
	}
	t.by.mu.Lock()
	defer t.by.mu.Unlock()
	if t.id != 0 {
		delete(t.by.owner, t.id)
		_, _ = unix.InotifyRmWatch(t.by.fd, uint32(t.id))
		t.change()
		t.id = 0
	}
}

// Watching makes AppendUnchanged find what was written until now.
func (f *Files[K, V]) Watching() { f.watches.catchUp() }

// AppendUnchanged is Append of a file that only changes by being written to.
// Its text is read once, and again when Watching has found a write, or when
// it was read before since, the Number of an opening. A cgroup's ancestors
// are as old as the cgroup: what was read of them since its file was opened,
// which can still be read, is theirs and not an earlier one's of the name.
//
// Where the kernel has no watch left each read is a fresh one.
func (f *Files[K, V]) AppendUnchanged(dst []byte, key K, since uint64) ([]byte, error) {
	text, _, err := f.each(key, func(open *file[V]) ([]byte, error) {
		if text, ok := f.watches.unchanged(dst, &open.watched, since); ok {
			return text, nil
		}
		at := f.clock.Load()
		changes, watching := f.watches.begin(&open.watched, open.fd)
		text, err := appendPiece(dst, open.fd) // without a lock: it may take its time
		if err == nil && watching {
			f.watches.keep(&open.watched, text[len(dst):], at, changes)
		}
		return text, err
	})
	return text, err
}
