package caller

import (
	"fmt"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/podview/podview/daemon/internal/host"
)

// Threads tells the states of threads. Their files stay open: the same ones
// are asked for every few seconds. Concurrent use is safe.
type Threads struct {
	files   *host.Files[int, struct{}]
	buffers sync.Pool // of *[]byte
}

// NewThreads keeps files open within the bound of kept.
func NewThreads(root host.Root, kept *host.Kept) *Threads {
	name := func(tid int) string {
		// /proc/TID/stat adds up the figures of all threads of the process.
		id := strconv.Itoa(tid)
		return filepath.Join(root.Proc, id, "task", id, "stat")
	}
	return &Threads{host.NewFiles[int, struct{}](kept, name), sync.Pool{New: func() any { return new([]byte) }}}
}

// State returns R, S, D, Z, … as in /proc/TID/stat.
func (t *Threads) State(tid int) (byte, error) {
	buf := t.buffers.Get().(*[]byte)
	defer t.buffers.Put(buf)
	text, _, err := t.files.Append((*buf)[:0], tid)
	if err != nil {
		return 0, err
	}
	*buf = text
	state, err := parseState(text)
	if err != nil {
		return 0, fmt.Errorf("state of thread %d: %w", tid, err)
	}
	return state, nil
}
