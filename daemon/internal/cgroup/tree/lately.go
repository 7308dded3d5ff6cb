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
	at             time.Time // of the two below; zero: there is nothing yet, which is old
	stat           cgroup.MemoryStat
	swapUsageBytes uint64
}

// StatLately fills m's Stat and SwapUsageBytes by read, or with what an earlier
// read gave that is not older than the Files allow. beside is a file of the
// cgroup that was just read: while it can be read from the same opening, the
// cgroup is the same, and not one that got its name since.
func (t *Tree) StatLately(path, beside string, m *cgroup.Memory, read func(*cgroup.Memory) error) error {
	opening := t.files.kept.Opening(name{t.dir, path, beside})
	if opening == nil || t.files.maxAge <= 0 {
		return read(m)
	}
	last := opening.Value.stat.Load()
	if last == nil {
		opening.Value.stat.CompareAndSwap(nil, &statAt{})
		last = opening.Value.stat.Load()
	}
	last.mu.Lock() // of readers at the same time one reads, the others wait for it
	defer last.mu.Unlock()
	if now := time.Now(); now.Sub(last.at) >= t.files.maxAge {
		if err := read(m); err != nil {
			return err
		}
		last.at, last.stat, last.swapUsageBytes = now, m.Stat, m.SwapUsageBytes
	}
	m.Stat, m.SwapUsageBytes = last.stat, last.swapUsageBytes
	return nil
}
