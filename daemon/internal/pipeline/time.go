package pipeline

import (
	"fmt"
	"sync"

	"github.com/podview/podview/daemon/internal/caller"
	"github.com/podview/podview/daemon/internal/sample"
)

// nsecPerTick: /proc/PID/stat counts in USER_HZ, which is 100 everywhere.
const nsecPerTick = 1e9 / 100

func (p *Pipeline) seeUptime(r *request) error {
	startTicks, ok, err := p.callers.StartTicks(r.who)
	if err == nil && !ok {
		startTicks, err = p.oldestStart(r)
	}
	if err != nil {
		return err
	}
	now, start := p.NowNsec(), startTicks*nsecPerTick
	r.c.UptimeNsec = now - min(start, now)
	p.seeTimeNamespace(r, now)
	return nil
}

// seeTimeNamespace has nothing to say of a clock before 0: the kernel lets
// nobody make one.
func (p *Pipeline) seeTimeNamespace(r *request, now uint64) {
	offset, own := p.callers.TimeOffset(r.who)
	if boot := int64(now) + offset; own && boot >= 0 {
		r.c.InTimeNamespace, r.c.TimeOffsetNsec, r.c.BootNsec = true, offset, uint64(boot)
	}
}

// startCache remembers when containers started whose init is not their own
// (shared pid namespace, hostPID): later their oldest process may be gone.
type startCache struct {
	mu    sync.Mutex
	ticks map[sample.Key]uint64
}

// maxStarts bounds the cache; it is emptied when full, which costs a look at
// the processes.
const maxStarts = 4096

// oldestStart is the start of the oldest process in the caller's container.
func (p *Pipeline) oldestStart(r *request) (uint64, error) {
	key, pl, err := p.key(r)
	if err != nil {
		return 0, err
	}
	p.starts.mu.Lock()
	ticks, ok := p.starts.ticks[key]
	p.starts.mu.Unlock()
	if ok {
		return ticks, nil
	}
	pids, err := p.Hierarchies.CPUAcct.Source.Processes(pl, nil)
	if err != nil {
		return 0, err
	}
	for _, pid := range pids {
		stat, err := caller.ReadStat(p.Root.Proc, pid)
		if err == nil && (!ok || stat.StartTicks < ticks) {
			ticks, ok = stat.StartTicks, true
		}
	}
	if !ok {
		return 0, fmt.Errorf("no process in cgroup %q", pl.Root)
	}
	p.starts.mu.Lock()
	defer p.starts.mu.Unlock()
	if p.starts.ticks == nil || len(p.starts.ticks) >= maxStarts {
		p.starts.ticks = map[sample.Key]uint64{}
	}
	p.starts.ticks[key.Clone()] = ticks
	return ticks, nil
}
