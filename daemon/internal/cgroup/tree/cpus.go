package tree

import (
	"errors"
	"io/fs"

	"github.com/podview/podview/daemon/internal/cgroup"
)

// CPUs fills cpus with the CPU list in file, of leaf or else of the nearest
// ancestor where it is there and not empty: an empty cpuset means the
// parent's. The root cgroup has the file too. None has: no CPUs.
func (t *Tree) CPUs(leaf, file string, cpus []int) ([]int, error) {
	cpus = cpus[:0]
	parse := func(_ Level, text []byte) (more bool, err error) {
		cpus, err = cgroup.ParseCPUList(text, cpus)
		return len(cpus) == 0, err
	}
	if err := t.Up(leaf, file, parse); err != nil || len(cpus) > 0 {
		return cpus, err
	}
	err := t.Read("/", file, func(text []byte) (err error) {
		cpus, err = cgroup.ParseCPUList(text, cpus)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return cpus, err
}
