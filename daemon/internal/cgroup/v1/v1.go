// Package v1 reads a container's figures from cgroup v1
// (Documentation/admin-guide/cgroup-v1).
package v1

import (
	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/cgroup/tree"
)

// source has a tree for each controller. A Place is valid in one of them
// only, and says not in which: each method's controller is noted there.
type source struct{ memory, cpu, cpuacct, cpuset, blkio *tree.Tree }

// New takes the directory where each controller's hierarchy is mounted: of
// memory, cpu, cpuacct, cpuset and blkio. What needs a missing one returns
// fs.ErrNotExist.
func New(dirs map[string]string, files *tree.Files) cgroup.Source {
	mounted := func(controller string) *tree.Tree {
		if dir, ok := dirs[controller]; ok {
			return tree.New(dir, files)
		}
		return nil
	}
	s := &source{
		memory:  mounted("memory"),
		cpu:     mounted("cpu"),
		cpuacct: mounted("cpuacct"),
		cpuset:  mounted("cpuset"),
		blkio:   mounted("blkio"),
	}
	if s.cpuacct == nil {
		s.cpuacct = s.cpu
	}
	return s
}

// ID takes a Place in cpuacct.
func (s *source) ID(p cgroup.Place) (uint64, error) { return s.cpuacct.ID(p.Root, "cpuacct.usage") }

// IDAfterCPUTime takes a Place in cpuacct.
func (s *source) IDAfterCPUTime(p cgroup.Place) (uint64, error) {
	return s.cpuacct.IDBeside(p.Root, "cpuacct.usage_all")
}
