package caller

import (
	"fmt"
	"path/filepath"
	"strconv"
	"sync"
)

// process is what is known of a process or thread. It is kept with its open
// /proc/PID/cgroup, which fails once the process has ended: what is known
// here never becomes a later process's with the same pid.
type process struct {
	mu sync.Mutex

	// namespace is the pid namespace. A process never changes its own, and
	// the namespace's init lasts as long as any process in it.
	namespace *namespace

	// caller is the last answer. It holds while the texts are the same.
	caller     *Caller
	own, inits string

	// The times and numbers that never change, once asked for.
	started   bool
	start     start
	pidInside int // 0: not asked for yet
}

type start struct {
	ticks uint64
	// sandbox is set for the init of a namespace within a container's.
	sandbox bool
}

// StartTicks is when the caller's container started, in clock ticks since
// boot. ok is false when no one process can tell, but only the container's
// oldest.
func (r *Resolver) StartTicks(c *Caller) (ticks uint64, ok bool, err error) {
	if c.init == nil {
		return 0, false, nil
	}
	c.init.mu.Lock()
	defer c.init.mu.Unlock()
	if !c.init.started {
		if c.init.start, err = readStart(r.proc, c.initPID); err != nil {
			return 0, false, err
		}
		c.init.started = true
	}
	return c.init.start.ticks, !c.init.start.sandbox, nil
}

func readStart(proc string, pid int) (start, error) {
	status, err := readStatus(proc, pid)
	if err != nil {
		return start{}, err
	}
	stat, err := ReadStat(proc, pid)
	// A sandbox in the container (bubblewrap, a browser) has a namespace of
	// its own in the container's; its init is younger than the container.
	return start{stat.StartTicks, status.pidLevels > 2}, err
}

// PIDInside is the id of the caller's thread as its own pid namespace numbers
// it.
func (r *Resolver) PIDInside(c *Caller) (int, error) {
	c.self.mu.Lock()
	defer c.self.mu.Unlock()
	if c.self.pidInside == 0 {
		status, err := readStatus(r.proc, c.TID)
		if err != nil {
			return 0, err
		}
		c.self.pidInside = status.pidInside
	}
	return c.self.pidInside, nil
}

// update makes the answer anew from the two texts.
func (r *Resolver) update(p *process, tid int, own, inits string, init *process) error {
	ownPlaces, err := r.memberships(tid, own)
	if err != nil {
		return err
	}
	var c *Caller
	if p.namespace.host {
		c = hostPID(tid, ownPlaces)
	} else {
		initPlaces, err := r.memberships(p.namespace.init, inits)
		if err != nil {
			return err
		}
		c = contained(tid, ownPlaces, initPlaces, p.namespace.init, init)
	}
	c.self = p
	p.caller, p.own, p.inits = c, own, inits
	return nil
}

func (r *Resolver) memberships(pid int, text string) ([]membership, error) {
	m, err := parseMemberships(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cgroupFile(r.proc)(pid), err)
	}
	return m, nil
}

func cgroupFile(proc string) func(pid int) string {
	return func(pid int) string { return filepath.Join(proc, strconv.Itoa(pid), "cgroup") }
}
