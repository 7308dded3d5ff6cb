package tree

import (
	"sync"
	"time"

	"github.com/podview/podview/daemon/internal/cgroup"
)

// statAt is what StatLately remembers with the file that was read just
// before.
type statAt struct {
	mu             sync.Mutex
	at             time.Time // of the two below; zero: there is nothing yet
	stat           cgroup.MemoryStat
	swapUsageBytes uint64
}

// StatLately fills m's Stat and SwapUsageBytes by read, or with what an
// earlier read gave that is not older than the Files allow. beside is a file of the cgroup that was just
// read: while it can be read from the same opening, the cgroup is the same,
// and not one that got its name since.
func (t *Tree) StatLately(path, beside string, m *cgroup.Memory, read func(*cgroup.Memory) error) error {
	opening := t.files.kept.Opening(name{t.dir, path, beside})
	if opening == nil || t.files.maxAge <= 0 {
		return read(m)
	}
	last := opening.Value.stat.Load()
	if last == nil {
		last = &statAt{}
		opening.Value.stat.Store(last) // another reader's is as good
	}
	now := time.Now()
	if last.get(now.Add(-t.files.maxAge), m) {
		return nil
	}
	if err := read(m); err != nil {
		return err
	}
	last.put(now, m)
	return nil
}

func (s *statAt) get(since time.Time, m *cgroup.Memory) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.at.After(since) { // of a zero time too
		return false
	}
	m.Stat, m.SwapUsageBytes = s.stat, s.swapUsageBytes
	return true
}

// put leaves what is newer.
func (s *statAt) put(at time.Time, m *cgroup.Memory) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at.After(s.at) {
		s.at, s.stat, s.swapUsageBytes = at, m.Stat, m.SwapUsageBytes
	}
}
