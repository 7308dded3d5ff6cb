package v2

import "github.com/podview/podview/daemon/internal/cgroup"

func (s *source) Processes(p cgroup.Place, pids []int) ([]int, error) {
	return s.tree.Processes(p.Root, pids)
}
