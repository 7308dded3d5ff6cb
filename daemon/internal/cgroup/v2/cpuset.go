package v2

import "github.com/podview/podview/daemon/internal/cgroup"

// CPUs is what the kernel lets Leaf run on: cpuset.cpus.effective has the
// ancestors' sets and offline CPUs taken out already.
func (s *source) CPUs(p cgroup.Place, cpus []int) ([]int, error) {
	return s.tree.CPUs(p.Leaf, "cpuset.cpus.effective", cpus)
}
