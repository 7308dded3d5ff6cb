package v2

import "github.com/podview/podview/daemon/internal/cgroup"

func (s *source) Processes(p cgroup.Place, pids []int) ([]int, error) {
	return s.tree.List(p.Root, "cgroup.procs", pids)
}

// Threads reads a file that Linux has since 4.14.
func (s *source) Threads(p cgroup.Place, tids []int) ([]int, error) {
	return s.tree.List(p.Root, "cgroup.threads", tids)
}
