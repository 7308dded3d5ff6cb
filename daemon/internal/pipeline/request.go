package pipeline

import (
	"context"
	"sync"

	"github.com/podview/podview/daemon/internal/caller"
	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/procfile"
	"github.com/podview/podview/daemon/internal/sysfile"
	"github.com/podview/podview/daemon/internal/view"
)

// request is one read, and the memory that it needs: the next read uses it
// again.
type request struct {
	ctx  context.Context
	tid  int
	path string
	file *file

	changes uint64 // host.Changes' count when the read began
	who     *caller.Caller
	c       view.Container

	memory         cgroup.Memory
	limit          cpuLimits // its memory is all readers'
	cpuset, online []int
	chosen         []int
	onlineSum      uint64 // changes with the host's list of CPUs
	used           cgroup.CPUTime
	io             []cgroup.DeviceIO
	machine        sysfile.Machine
	nodeShare      procfile.NodeShare
	meminfo, stat  []byte // the host's texts
	host           []byte // and any other
}

type requests struct{ pool sync.Pool }

func (rs *requests) get(ctx context.Context, tid int, path string, f *file) *request {
	r, _ := rs.pool.Get().(*request)
	if r == nil {
		r = &request{}
	}
	r.ctx, r.tid, r.path, r.file = ctx, tid, path, f
	r.onlineSum, r.changes = 0, 0
	r.meminfo, r.stat = r.meminfo[:0], r.stat[:0]
	r.forget()
	return r
}

// forget leaves an empty container, with memory for the next.
func (r *request) forget() {
	r.c = view.Container{Times: r.c.Times[:0], Raw: r.c.Raw[:0]}
}

// put must come after the last use of what the request lent out.
func (rs *requests) put(r *request) {
	r.ctx, r.who, r.file, r.path = nil, nil, nil, ""
	rs.pool.Put(r)
}
