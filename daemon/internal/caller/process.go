package caller

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/podview/podview/daemon/internal/host"
)

// lifeSign is a file that is read to see that the process it was opened for
// lives: when it has ended, reading fails. It is one of the cheapest in
// /proc/PID.
const lifeSign = "oom_score_adj"

// process is what is known of a process or thread. It is kept with its open
// lifeSign, and so what is known here never becomes a later process's with the
// same pid.
type process struct {
	mu sync.Mutex

	// namespace is the pid namespace. A process never changes its own, and
	// the namespace's init lasts as long as any process in it.
	namespace *namespace

	// text is that of the file /proc/PID/cgroup, as of the changes
	// (host.Changes) in textAt.
	file, text string
	textAt     uint64

	// caller is the last answer. It follows from the texts of the process and
	// of its init, and holds as of changes.
	caller     *Caller
	own, inits string
	changes    uint64

	// branch is the cgroup that it was in when the answer was made.
	branch atomic.Pointer[string]

	// The times and numbers that never change, once asked for.
	started    bool
	start      start
	pidInside  int // 0: not asked for yet
	timeOffset timeOffset
}

// Branch is for host.Files: a container's processes make room for each other.
func (p *process) Branch() string {
	if branch := p.branch.Load(); branch != nil {
		return *branch
	}
	return ""
}

// branch is the container's cgroup, of a very long name the beginning; nil
// where there is none.
func (c *Caller) branch() *string {
	const maxBytes = 384
	for _, p := range c.places {
		if len(p.Root) > 1 {
			root := strings.Clone(p.Root[:min(len(p.Root), maxBytes)])
			return &root
		}
	}
	return nil
}

// process finds a process that is alive.
func (r *Resolver) process(pid int) (*process, error) {
	buf := r.buffers.Get().(*[]byte)
	defer r.buffers.Put(buf)
	text, opening, err := r.processes.Append((*buf)[:0], pid)
	if err != nil {
		return nil, err
	}
	*buf = text
	return &opening.Value, nil
}

// cgroups is a process's /proc/PID/cgroup, read anew when anything has
// changed. The caller holds p.mu.
func (r *Resolver) cgroups(p *process, pid int, changes uint64) (string, error) {
	if p.textAt == changes {
		return p.text, nil
	}
	buf := r.buffers.Get().(*[]byte)
	defer r.buffers.Put(buf)
	if p.file == "" {
		p.file = r.cgroupFile(pid)
	}
	text, err := host.ReadFile(p.file, *buf)
	if err != nil {
		return "", err
	}
	if *buf = text; len(text) > maxTextBytes {
		return string(text), nil
	}
	if p.text != string(text) {
		p.text = string(text)
	}
	p.textAt = changes
	return p.text, nil
}

// maxTextBytes is more than twice what a process's /proc/PID/cgroup has in
// practice. Longer ones, which a container can make for each of its processes,
// are not remembered.
const maxTextBytes = 6 << 10

func (r *Resolver) initCgroups(init *process, pid int, changes uint64) (string, error) {
	init.mu.Lock()
	defer init.mu.Unlock()
	return r.cgroups(init, pid, changes)
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
	p.branch.Store(c.branch())
	p.caller, p.own, p.inits = c, own, inits
	return nil
}

func (r *Resolver) memberships(pid int, text string) ([]membership, error) {
	m, err := parseMemberships(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.cgroupFile(pid), err)
	}
	return m, nil
}

func (r *Resolver) cgroupFile(pid int) string {
	return filepath.Join(r.proc, strconv.Itoa(pid), "cgroup")
}
