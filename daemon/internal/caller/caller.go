// Package caller finds out in whose container a FUSE request was made.
package caller

import (
	"path/filepath"
	"strconv"
	"sync"

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
	self   *process
	// init is the process whose start is the container's; nil when its pid
	// namespace's init is not its own (shared with a pause container, or the
	// host's).
	init    *process
	initPID int
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
	proc      string
	hostNS    string
	hostInode uint64
	userNS    string // our own user namespace; "" where the kernel has none
	timeNS    string // as userNS
	ownOffset int64  // its CLOCK_BOOTTIME's, as TimeOffset's
	inits     initCache
	processes *host.Files[int, process]
	buffers   sync.Pool // of *[]byte
}

// NewResolver takes the pid namespace of the calling process for the host's:
// podview runs with hostPID, otherwise it could not see its callers at all.
//
// It keeps a file of each caller open, within the bound of kept.
func NewResolver(root host.Root, kept *host.Kept) (*Resolver, error) {
	ns, err := pidNamespace(root.Proc, "self")
	if err != nil {
		return nil, err
	}
	sign := func(pid int) string { return filepath.Join(root.Proc, strconv.Itoa(pid), lifeSign) }
	r := &Resolver{
		proc: root.Proc, hostNS: ns, inits: initCache{pids: map[string]knownInit{}},
		processes: host.NewFiles[int, process](kept, sign),
		buffers:   sync.Pool{New: func() any { return new([]byte) }},
	}
	if inode, err := host.Inode(filepath.Join(root.Proc, "self/ns/pid")); err == nil {
		r.hostInode = inode
	}
	if r.userNS, err = userNamespace(filepath.Join(root.Proc, "self/ns/user")); err != nil {
		return nil, err
	}
	r.learnOwnTime()
	return r, nil
}

// Identify returns the container of the thread tid, as the daemon's pid
// namespace numbers it. An error means the thread is gone, or something in
// /proc was not as the kernel writes it.
//
// The container's own cgroup is that of the pid namespace's init when the
// caller is in it or below it. With a shared pid namespace init is the pause
// container in a sibling cgroup; then the path tells. See containerRoot.
//
// The answer is remembered with the thread. It holds for as long as changes,
// which counts what moves processes between cgroups (host.Changes), is the
// same; the namespace's init lasts as long as the caller, who is in it.
func (r *Resolver) Identify(tid int, changes uint64) (*Caller, error) {
	self, err := r.process(tid)
	if err != nil {
		return nil, err
	}
	self.mu.Lock()
	defer self.mu.Unlock()
	if self.caller != nil && self.changes == changes {
		return self.caller, nil
	}
	if self.namespace == nil {
		if err := r.enter(self, tid); err != nil {
			return nil, err
		}
	}
	own, err := r.cgroups(self, tid, changes)
	if err != nil {
		return nil, err
	}
	init, inits := self, own
	if other := self.namespace.init; !self.namespace.host && other != tid {
		if init, err = r.process(other); err != nil {
			return nil, err
		}
		if inits, err = r.initCgroups(init, other, changes); err != nil {
			return nil, err
		}
	}
	if self.caller == nil || self.own != own || self.inits != inits {
		if err := r.update(self, tid, own, inits, init); err != nil {
			return nil, err
		}
	}
	self.changes = changes
	answer := self.caller
	if len(own) > maxTextBytes || len(inits) > maxTextBytes {
		self.caller, self.own, self.inits = nil, "", ""
	}
	return answer, nil
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

func contained(tid int, own, inits []membership, initPID int, init *process) *Caller {
	c := &Caller{TID: tid, initPID: initPID}
	for _, m := range own {
		p := cgroup.Place{Leaf: m.path, Root: m.path}
		for _, i := range inits {
			if i.controllers == m.controllers {
				p = containerPlace(m.path, i.path)
				if isBelow(i.path, p.Root) {
					c.init = init
				}
			}
		}
		c.places = append(c.places, place{m.controllers, p})
	}
	return c
}
