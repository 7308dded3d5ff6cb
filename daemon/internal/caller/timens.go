package caller

import (
	"os"
	"path/filepath"
	"strconv"

	"github.com/podview/podview/daemon/internal/timens"
)

// timeOffset is how far CLOCK_BOOTTIME in a process's time namespace is ahead
// of ours; usually negative. own is false in our own time namespace.
type timeOffset struct {
	known, own bool
	nsec       int64
}

// TimeOffset is how many nanoseconds CLOCK_BOOTTIME in the caller's time
// namespace is ahead of ours. own is false when it is in ours, or when that
// can't be told: then its uptime is the container's, as without such
// namespaces.
//
// The answer is kept for the thread's life. One that joins another time
// namespace after it has read (setns(2), by itself) is not noticed.
func (r *Resolver) TimeOffset(c *Caller) (nsec int64, own bool) {
	if c.self == nil || r.timeNS == "" {
		return 0, false
	}
	c.self.mu.Lock()
	defer c.self.mu.Unlock()
	if offset := &c.self.timeOffset; !offset.known {
		*offset = r.readTimeOffset(c.TID, c.initPID)
	}
	return c.self.timeOffset.nsec, c.self.timeOffset.own
}

// readTimeOffset: the kernel tells the offsets of the namespace that a
// process's children will be in, which need not be its own. Its pid
// namespace's init may tell them then.
func (r *Resolver) readTimeOffset(tid, init int) timeOffset {
	none := timeOffset{known: true}
	ns, err := os.Readlink(r.pidFile(tid, "ns/time"))
	if err != nil || ns == r.timeNS {
		return none
	}
	for _, pid := range []int{tid, init} {
		if !r.childrenIn(pid, ns) {
			continue
		}
		nsec, err := timens.Offset(r.pidFile(pid, "timens_offsets"))
		if err != nil {
			return none
		}
		return timeOffset{known: true, own: true, nsec: nsec - r.ownOffset}
	}
	return none
}

func (r *Resolver) childrenIn(pid int, ns string) bool {
	if pid == 0 {
		return false
	}
	children, err := os.Readlink(r.pidFile(pid, "ns/time_for_children"))
	return err == nil && children == ns
}

func (r *Resolver) pidFile(pid int, name string) string {
	return filepath.Join(r.proc, strconv.Itoa(pid), name)
}

// learnOwnTime fills what others' time namespaces are compared with. Kernels
// before 5.6 have none.
func (r *Resolver) learnOwnTime() {
	ns, err := os.Readlink(filepath.Join(r.proc, "self/ns/time"))
	children, errChildren := os.Readlink(filepath.Join(r.proc, "self/ns/time_for_children"))
	if err != nil || errChildren != nil || ns != children {
		return
	}
	if offset, err := timens.Offset(filepath.Join(r.proc, "self/timens_offsets")); err == nil {
		r.timeNS, r.ownOffset = ns, offset
	}
}
