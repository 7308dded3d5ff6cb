package v1

import "github.com/podview/podview/daemon/internal/cgroup"

// CPUs takes a Place in cpuset. Kernels before 3.17 have no effective_cpus.
func (s *source) CPUs(p cgroup.Place, cpus []int) ([]int, error) {
	cpus, err := s.cpuset.CPUs(p.Leaf, "cpuset.effective_cpus", cpus)
	if err != nil || len(cpus) > 0 {
		return cpus, err
	}
	return s.cpuset.CPUs(p.Leaf, "cpuset.cpus", cpus)
}
