// Package caller finds out in whose container a FUSE request was made.
package caller

import (
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/host"
)

// Caller is the container behind one request, or the host.
type Caller struct {
	// TID is the thread that asks, in the daemon's pid namespace.
	TID int
	// Host is set for a process that is in no container: it sees the host.
	Host   bool
	places []place
	// init is the process whose start is the container's; 0 when its pid
	// namespace's init is not its own (shared with a pause container, or the
	// host's).
	init int
}

type place struct {
	controllers string
	cgroup.Place
}

// Place is where the caller sits in the hierarchy of a v1 controller, or in
// the unified one for "". ok is false when it is in no such hierarchy.
func (c *Caller) Place(controller string) (p cgroup.Place, ok bool) {
	for i := range c.places {
		if hasController(c.places[i].controllers, controller) {
			return c.places[i].Place, true
		}
	}
	return cgroup.Place{}, false
}

// Resolver identifies callers. Its methods may be called concurrently.
type Resolver struct {
	proc   string
	hostNS string
	inits  initCache
}

// NewResolver takes the pid namespace of the calling process for the host's:
// podview runs with hostPID, otherwise it could not see its callers at all.
func NewResolver(root host.Root) (*Resolver, error) {
	ns, err := pidNamespace(root.Proc, "self")
	if err != nil {
		return nil, err
	}
	return &Resolver{proc: root.Proc, hostNS: ns, inits: initCache{pids: map[string]knownInit{}}}, nil
}

// Identify returns the container of the thread tid, as the daemon's pid
// namespace numbers it. An error means the thread is gone, or something in
// /proc was not as the kernel writes it.
//
// The container's own cgroup is that of the pid namespace's init when the
// caller is in it or below it. With a shared pid namespace init is the pause
// container in a sibling cgroup; then the path tells. See containerRoot.
func (r *Resolver) Identify(tid int) (*Caller, error) {
	own, err := r.memberships(tid)
	if err != nil {
		return nil, err
	}
	ns, err := pidNamespace(r.proc, strconv.Itoa(tid))
	if err != nil {
		return nil, err
	}
	if ns == r.hostNS {
		return hostPID(tid, own), nil
	}
	initPID, err := r.initOf(tid, ns)
	if err != nil {
		return nil, err
	}
	inits, err := r.memberships(initPID)
	if err != nil {
		return nil, err
	}
	return contained(tid, own, inits, initPID), nil
}

// hostPID is a caller in the host's pid namespace: a pod with hostPID when
// the path names a container, else a process of the host.
func hostPID(tid int, own []membership) *Caller {
	c := &Caller{TID: tid, Host: true}
	for _, m := range own {
		root, ok := containerLevel(m.path)
		if !ok {
			root = m.path
		}
		c.Host = c.Host && !ok
		c.places = append(c.places, place{m.controllers, cgroup.Place{Leaf: m.path, Root: root}})
	}
	return c
}

func contained(tid int, own, inits []membership, initPID int) *Caller {
	c := &Caller{TID: tid}
	for _, m := range own {
		p := cgroup.Place{Leaf: m.path, Root: m.path}
		for _, i := range inits {
			if i.controllers == m.controllers {
				p = containerPlace(m.path, i.path)
				if isBelow(i.path, p.Root) {
					c.init = initPID
				}
			}
		}
		c.places = append(c.places, place{m.controllers, p})
	}
	return c
}

// StartTicks is when the caller's container started, in clock ticks since
// boot. ok is false when no one process can tell, but only the container's
// oldest.
func (r *Resolver) StartTicks(c *Caller) (ticks uint64, ok bool, err error) {
	if c.init == 0 {
		return 0, false, nil
	}
	status, err := readStatus(r.proc, c.init)
	if err != nil {
		return 0, false, err
	}
	// A sandbox in the container (bubblewrap, a browser) has a namespace of
	// its own in the container's; its init is younger than the container.
	if status.pidLevels > 2 {
		return 0, false, nil
	}
	stat, err := ReadStat(r.proc, c.init)
	return stat.StartTicks, true, err
}

func (r *Resolver) memberships(pid int) ([]membership, error) {
	file := filepath.Join(r.proc, strconv.Itoa(pid), "cgroup")
	text, err := host.ReadFile(file, nil)
	if err != nil {
		return nil, err
	}
	m, err := parseMemberships(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return m, nil
}
