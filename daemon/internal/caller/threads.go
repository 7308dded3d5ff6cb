package caller

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/podview/podview/daemon/internal/host"
)

// Threads tells the states of threads. Their files stay open: the same ones
// are asked for every few seconds. Concurrent use is safe.
type Threads struct {
	files   *host.Files[thread, struct{}]
	buffers sync.Pool // of *[]byte
}

// thread is one of a container.
type thread struct {
	tid       int
	container string
}

// Branch is for host.Files: a container's threads make room for each other.
func (t thread) Branch() string { return t.container }

// Clone has memory of its own.
func (t thread) Clone() thread { return thread{t.tid, strings.Clone(t.container)} }

// NewThreads keeps files open within the bound of kept.
func NewThreads(root host.Root, kept *host.Kept) *Threads {
	name := func(t thread) string {
		// /proc/TID/stat adds up the figures of all threads of the process.
		id := strconv.Itoa(t.tid)
		return filepath.Join(root.Proc, id, "task", id, "stat")
	}
	return &Threads{host.NewFiles[thread, struct{}](kept, name), sync.Pool{New: func() any { return new([]byte) }}}
}

// State returns R, S, D, Z, … as in /proc/TID/stat, of a thread of a container.
func (t *Threads) State(container string, tid int) (byte, error) {
	buf := t.buffers.Get().(*[]byte)
	defer t.buffers.Put(buf)
	text, _, err := t.files.Append((*buf)[:0], thread{tid, container})
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
