package v1

import "github.com/podview/podview/daemon/internal/cgroup"

// Processes takes a Place in cpuacct.
func (s *source) Processes(p cgroup.Place, pids []int) ([]int, error) {
	return s.cpuacct.List(p.Root, "cgroup.procs", pids)
}

// Threads takes a Place in cpuacct.
func (s *source) Threads(p cgroup.Place, tids []int) ([]int, error) {
	return s.cpuacct.List(p.Root, "tasks", tids)
}
