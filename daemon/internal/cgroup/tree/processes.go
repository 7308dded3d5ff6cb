package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/cgroup"
)

// maxBelow bounds the cgroups that a container can make us look at: one with
// delegated control makes as many as it likes.
const maxBelow = 10_000

// Processes appends the pids in path and in the cgroups below it. Ones that
// are removed meanwhile are left out, but path itself must exist. More than
// maxBelow of them are an error.
func (t *Tree) Processes(path string, pids []int) ([]int, error) {
	seen := 0
	for todo := []string{path}; len(todo) > 0; {
		level := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		err := t.Read(level, "cgroup.procs", func(text []byte) (err error) {
			pids, err = cgroup.ParsePIDs(text, pids)
			return err
		})
		// v2's threaded cgroups refuse: their domain lists the processes.
		if errors.Is(err, unix.EOPNOTSUPP) {
			err = nil
		}
		var below []os.DirEntry
		if err == nil {
			below, err = os.ReadDir(t.dir + level)
		}
		if gone := errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV); gone && level != path {
			continue
		}
		if err != nil {
			return pids, err
		}
		for _, entry := range below {
			if entry.IsDir() {
				if seen++; seen > maxBelow {
					return pids, fmt.Errorf("%s%s: more than %d cgroups below it", t.dir, path, maxBelow)
				}
				todo = append(todo, join(level, entry.Name()))
			}
		}
	}
	return pids, nil
}
