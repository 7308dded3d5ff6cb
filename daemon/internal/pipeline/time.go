package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/caller"
	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/sample"
	"github.com/podview/podview/daemon/internal/view"
)

// nsecPerTick: /proc/PID/stat counts in USER_HZ, which is 100 everywhere.
const nsecPerTick = 1e9 / 100

func (p *Pipeline) seeUptime(who *caller.Caller, c *view.Container) error {
	startTicks, ok, err := p.callers.StartTicks(who)
	if err == nil && !ok {
		startTicks, err = p.oldestStart(who)
	}
	if err != nil {
		return err
	}
	now, start := p.NowNsec(), startTicks*nsecPerTick
	c.UptimeNsec = now - min(start, now)
	return nil
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
func (p *Pipeline) oldestStart(who *caller.Caller) (uint64, error) {
	key, pl, err := p.key(who)
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
	p.starts.ticks[key] = ticks
	return ticks, nil
}

func (p *Pipeline) seeLoad(who *caller.Caller, c *view.Container) error {
	key, pl, err := p.key(who)
	if err != nil {
		return err
	}
	now := p.NowNsec()
	load, ok := p.loads.Read(key, now)
	if !ok {
		count := func() (sample.Threads, error) { return p.countThreads(pl) }
		first, err := count()
		if err != nil {
			return err
		}
		if err := p.seeUptime(who, c); err != nil {
			return err
		}
		load = p.loads.Watch(key, now, c.UptimeNsec, first, count)
	}
	c.Load = load
	// The newest process the caller can know of is itself. The kernel keeps
	// the true figure in the pid namespace's idr, out of reach.
	c.Load.LastPID, err = p.callers.PIDInside(who.TID)
	return err
}

// countThreads counts the threads of a container by state. A thread that
// ends meanwhile does not count.
func (p *Pipeline) countThreads(pl cgroup.Place) (sample.Threads, error) {
	var threads sample.Threads
	pids, err := p.Hierarchies.CPUAcct.Source.Processes(pl, nil)
	if err != nil {
		return threads, err
	}
	for _, pid := range pids {
		tasks := filepath.Join(p.Root.Proc, strconv.Itoa(pid), "task")
		tids, err := os.ReadDir(tasks)
		if err != nil {
			continue
		}
		for _, tid := range tids {
			stat, err := caller.ReadStatFile(filepath.Join(tasks, tid.Name(), "stat"))
			if err != nil {
				continue
			}
			threads.Total++
			switch stat.State {
			case 'R':
				threads.Running++
			case 'D':
				threads.Blocked++
			}
		}
	}
	return threads, nil
}

// Run keeps the load averages of watched containers until ctx ends. With
// nobody reading /proc/loadavg it does nothing but wake up.
func (p *Pipeline) Run(ctx context.Context) {
	ticker := time.NewTicker(sample.LoadPeriodNsec)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			p.countDue()
		}
	}
}

func (p *Pipeline) countDue() {
	for key, count := range p.loads.Due(p.NowNsec()) {
		threads, err := count()
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) {
			p.loads.Forget(key) // its cgroup is gone
			continue
		}
		if err != nil {
			p.fallBack("/proc/loadavg", "count", err)
			continue
		}
		p.loads.Record(key, p.NowNsec(), threads)
	}
}
