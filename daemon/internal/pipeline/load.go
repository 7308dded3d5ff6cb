package pipeline

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/host"
	"github.com/podview/podview/daemon/internal/sample"
	"github.com/podview/podview/daemon/internal/view"
)

func (p *Pipeline) seeLoad(r *request) error {
	key, pl, err := p.key(r)
	if err != nil {
		return err
	}
	now := p.NowNsec()
	load, ok := p.loads.Read(key, now)
	if !ok {
		root := strings.Clone(pl.Root) // of a longer text
		c := &counter{p: p, place: cgroup.Place{Leaf: root, Root: root}, container: strings.Clone(key.Root)}
		first, err := c.count()
		if err != nil {
			return err
		}
		if err := p.seeUptime(r); err != nil {
			return err
		}
		load = p.loads.Watch(key, now, r.c.UptimeNsec, first, c.count)
		p.publish(key, load, now)
	}
	r.c.Load = load
	// The newest process the caller can know of is itself. The kernel keeps
	// the true figure in the pid namespace's idr, out of reach.
	r.c.Load.LastPID, err = p.callers.PIDInside(r.who)
	return err
}

// counter counts the threads of one container by state. A thread that ends
// meanwhile does not count.
//
// A thread's state only changes when it runs, and threads come and go when one
// runs. So while the container has used no CPU time, the last count still
// holds. What that misses are threads that were woken but got no CPU yet, and
// processes that others moved in or out without their running; the next count
// in full, within a minute, has them.
//
// Of many threads only some are looked at, others each time, and stand for all.
type counter struct {
	p         *Pipeline
	place     cgroup.Place
	container string // its name, of bounded length

	holds    int // how often threads may stand for another count
	threads  sample.Threads
	usedNsec uint64 // when the count began
	tids     []int  // memory for the next list
	turn     int    // counts the samples
	rests    int    // how often it is not counted anew, because that costs much
}

// maxKeptTIDs is as long as a list may be whose memory is kept for the next.
const maxKeptTIDs = 512

// maxHolds is a minute's.
const maxHolds = int(60 * 1e9 / sample.LoadPeriodNsec)

func (c *counter) count() (sample.Threads, error) {
	if c.rests > 0 {
		c.rests--
		return c.threads, nil
	}
	usedNsec, usedErr := c.p.Hierarchies.CPUAcct.Source.CPUUsedNsec(c.place)
	if c.holds > 0 && usedErr == nil && usedNsec == c.usedNsec {
		c.holds--
		return c.threads, nil
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := threadNsec()
	threads, err := c.list()
	if err != nil {
		c.rests = restsAfter(threadNsec() - before)
		return sample.Threads{}, err
	}
	c.threads = sampleThreads(c.tids, c.p.sampling.most(), c.turn, c.state)
	c.p.sampling.looked(len(c.tids))
	c.turn++
	if cap(c.tids) > maxKeptTIDs {
		c.tids = nil
	}
	c.rests = restsAfter(threadNsec() - before)
	c.usedNsec, c.holds = usedNsec, 0
	if usedErr == nil && threads {
		c.holds = maxHolds
	}
	return c.threads, nil
}

func (c *counter) state(tid int) (byte, error) { return c.p.threads.State(c.container, tid) }

// list fills c.tids; threads is false where the kernel lists processes only.
func (c *counter) list() (threads bool, err error) {
	source := c.p.Hierarchies.CPUAcct.Source
	c.tids, err = source.Threads(c.place, c.tids[:0])
	if !errors.Is(err, fs.ErrNotExist) {
		return true, err
	}
	// cgroup2 before Linux 4.14 lists no threads.
	pids, err := source.Processes(c.place, nil)
	if err != nil {
		return false, err
	}
	c.tids = c.tids[:0]
	for _, pid := range pids {
		tids, err := os.ReadDir(filepath.Join(c.p.Root.Proc, strconv.Itoa(pid), "task"))
		if err != nil {
			continue
		}
		for _, tid := range tids {
			if id, err := strconv.Atoi(tid.Name()); err == nil {
				c.tids = append(c.tids, id)
			}
		}
	}
	return false, nil
}

func add(threads *sample.Threads, state byte) {
	threads.Total++
	switch state {
	case 'R':
		threads.Running++
	case 'D':
		threads.Blocked++
	}
}

func (p *Pipeline) countDue() {
	due := p.loads.Due(p.NowNsec())
	defer p.sampling.end()
	for key, count := range due {
		if !p.sampling.share(len(due)) {
			return // the others are due the next time, too
		}
		threads, err := count()
		if host.IsMissing(err) {
			p.loads.Forget(key) // its cgroup is gone
			continue
		}
		if err != nil {
			p.fallBack("/proc/loadavg", "count", err)
			continue
		}
		now := p.NowNsec()
		p.loads.Record(key, now, threads)
		if load, ok := p.loads.Peek(key); ok {
			p.publish(key, load, now)
		}
	}
}

func (p *Pipeline) publish(key sample.Key, load view.Load, nowNsec uint64) {
	if p.Published != nil {
		p.Published(key.ID, load.Averages, nowNsec)
	}
}
