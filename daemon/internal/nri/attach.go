package nri

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/containerd/nri/pkg/api"
)

// container is a running one that is to have the view.
type container struct {
	id     string
	pid    int
	name   string // NAMESPACE/POD/CONTAINER, for the log
	mounts []*api.Mount
	// spares: see sparesUnmasked.
	spares bool
}

// attacher gives running containers the view, while it is served, apart from
// the runtime's calls. It forgets none: one that could not be attached is
// tried again when the view has come back.
type attacher struct {
	// attach does one, with the view's paths; an error is the view's fault.
	attach func(c container, has []string) error

	mutex   sync.Mutex
	work    *sync.Cond // something is waiting and the view is served
	running map[string]container
	waiting map[string]bool // of running
	health  health
}

func newAttacher(attach func(container, []string) error) *attacher {
	a := &attacher{attach: attach, running: map[string]container{}, waiting: map[string]bool{}}
	a.work = sync.NewCond(&a.mutex)
	return a
}

// view is the health that was seen last.
func (a *attacher) view() health {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return a.health
}

// setView takes over what was seen of the view. All containers are looked at
// again when it has come back, or is another one.
func (a *attacher) setView(h health) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	same := h.superblock == a.health.superblock
	if a.health = h; h.superblock != "" && !same {
		for id := range a.running {
			a.waiting[id] = true
		}
		a.work.Broadcast()
	}
}

// start adds a container that runs now.
func (a *attacher) start(c container) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.running[c.id], a.waiting[c.id] = c, true
	a.work.Signal()
}

// replace has all containers that run now.
func (a *attacher) replace(all []container) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	clear(a.running)
	clear(a.waiting)
	for _, c := range all {
		a.running[c.id], a.waiting[c.id] = c, true
	}
	a.work.Broadcast()
}

func (a *attacher) remove(id string) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	delete(a.running, id)
	delete(a.waiting, id)
}

// patience is how long an attacher waits for one container. It takes some
// milliseconds, but who is in the container can make it take longer; then it
// goes on beside the others.
const patience = 250 * time.Millisecond

// run attaches one container after the other, for ever.
func (a *attacher) run() {
	for {
		c, h := a.next()
		done := make(chan struct{})
		go func() {
			defer close(done)
			a.attachNow(c, h)
		}()
		timer := time.NewTimer(patience)
		select {
		case <-done:
		case <-timer.C:
		}
		timer.Stop()
	}
}

func (a *attacher) attachNow(c container, h health) {
	if err := a.attach(c, h.has); err == nil {
		return
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if a.health.superblock == h.superblock {
		a.health = health{} // When it is seen again, all are looked at.
	}
}

// next waits for a container to attach.
func (a *attacher) next() (container, health) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	for len(a.waiting) == 0 || a.health.superblock == "" {
		a.work.Wait()
	}
	id := slices.Sorted(maps.Keys(a.waiting))[0]
	delete(a.waiting, id)
	return a.running[id], a.health
}
