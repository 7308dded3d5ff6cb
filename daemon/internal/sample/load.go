package sample

import (
	"math"
	"sync"

	"github.com/podview/podview/daemon/internal/view"
)

// Threads is one count of a container's threads.
type Threads struct {
	Total   int
	Running int // state R
	Blocked int // state D: uninterruptible sleep
}

// LoadPeriodNsec is how often a watched container's threads are counted (the
// kernel's LOAD_FREQ, 5 s).
const LoadPeriodNsec = 5 * nsecPerSec

// watchNsec is how long after its last read a container is still counted:
// as far back as the longest average looks.
const watchNsec = 15 * 60 * nsecPerSec

// LoadTable keeps the load averages of the containers that asked for them.
// The zero value is ready. Concurrent use is safe.
type LoadTable struct {
	// Store, if not nil, has the averages of an earlier process.
	Store *Store

	mu         sync.Mutex
	containers map[Key]*loadState
	words      []uint64 // scratch
}

type loadState struct {
	record                uint64 // in the Store
	averages              [3]float64
	threads               Threads
	readNsec, countedNsec uint64
	counter               func() (Threads, error)
}

// loadPeriodsSec are the three averages' time constants.
var loadPeriodsSec = [3]float64{60, 300, 900}

// Read returns the averages of a watched container, and notes that somebody
// is interested. ok is false for one that is not watched yet: Watch it.
func (t *LoadTable) Read(key Key, nowNsec uint64) (load view.Load, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.containers[key]
	if c == nil {
		return view.Load{}, false
	}
	c.readNsec = max(c.readNsec, nowNsec)
	return c.load(), true
}

// Peek is Read without the interest: it keeps no container watched.
func (t *LoadTable) Peek(key Key) (load view.Load, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.containers[key]; c != nil {
		return c.load(), true
	}
	return view.Load{}, false
}

// Watch starts counting a container with the function count, which Due hands
// back. Where nothing is known of the past, the averages start as if the
// threads active now had been so since the container's start.
func (t *LoadTable) Watch(key Key, nowNsec, uptimeNsec uint64, first Threads, count func() (Threads, error)) view.Load {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.containers[key]; c != nil { // another reader was first
		return c.load()
	}
	if t.containers == nil {
		t.containers = map[Key]*loadState{}
	}
	if len(t.containers) >= maxWatched {
		for _, k := range crowd(t.containers, func(k Key) uint64 { return t.containers[k].readNsec }) {
			t.Store.drop(t.containers[k].record)
			delete(t.containers, k)
		}
	}
	key = key.Clone()
	c := &loadState{record: recordHash("load", key), readNsec: nowNsec, counter: count}
	if words, ok := t.Store.load(c.record, nil); ok && c.setRecord(words) {
		uptimeNsec = view.Sub(nowNsec, c.countedNsec)
	}
	c.count(nowNsec, uptimeNsec, first)
	t.containers[key] = c
	t.save(c)
	return c.load()
}

// Due returns the containers to count now. Those nobody has read for a while
// are forgotten, so that they cost nothing.
func (t *LoadTable) Due(nowNsec uint64) map[Key]func() (Threads, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	due := map[Key]func() (Threads, error){}
	for key, c := range t.containers {
		if view.Sub(nowNsec, c.readNsec) > watchNsec {
			t.Store.drop(c.record)
			delete(t.containers, key)
			continue
		}
		if view.Sub(nowNsec, c.countedNsec) >= LoadPeriodNsec*9/10 { // timers are late, not early
			due[key] = c.counter
		}
	}
	return due
}

// Record enters a count of a watched container.
func (t *LoadTable) Record(key Key, nowNsec uint64, threads Threads) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.containers[key]; c != nil && nowNsec > c.countedNsec {
		c.count(nowNsec, nowNsec-c.countedNsec, threads)
		t.save(c)
	}
}

// Forget stops watching a container, when its cgroup is gone.
func (t *LoadTable) Forget(key Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.containers[key]; c != nil {
		t.Store.drop(c.record)
		delete(t.containers, key)
	}
}

// Watched is how many containers are being counted.
func (t *LoadTable) Watched() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.containers)
}

// count moves the averages: an exponential decay towards the number of active
// threads, by the time that really passed (the kernel's calc_load assumes its
// timer was on time).
func (c *loadState) count(nowNsec, elapsedNsec uint64, threads Threads) {
	active := float64(threads.Running + threads.Blocked)
	for i, periodSec := range loadPeriodsSec {
		keep := math.Exp(-float64(elapsedNsec) / nsecPerSec / periodSec)
		c.averages[i] = c.averages[i]*keep + active*(1-keep)
	}
	c.threads = threads
	c.countedNsec = nowNsec
}

func (c *loadState) load() view.Load {
	l := view.Load{Running: c.threads.Running, Total: c.threads.Total, Blocked: c.threads.Blocked}
	for i, a := range c.averages {
		l.Averages[i] = uint64(a * view.FixedOne)
	}
	return l
}

func (t *LoadTable) save(c *loadState) {
	t.words = c.appendRecord(t.words[:0])
	t.Store.save(c.record, t.words)
}
