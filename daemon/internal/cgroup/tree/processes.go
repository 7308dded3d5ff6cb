package tree

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/host"
)

// maxBelow bounds the cgroups that a container can make us look at: one with
// delegated control makes as many as it likes.
const maxBelow = 10_000

// List appends the ids in file, one that lists processes or threads, of path
// and of the cgroups below it. Ones that are removed meanwhile are left out,
// but path itself must exist. More than maxBelow of them are an error.
func (t *Tree) List(path, file string, ids []int) ([]int, error) {
	parse := func(text []byte) (err error) {
		ids, err = cgroup.ParsePIDs(text, ids)
		return err
	}
	err := t.readIDs(path, file, parse)
	if err != nil {
		return ids, err
	}
	below, err := t.below(path, nil)
	if err != nil {
		return ids, err
	}
	for seen := len(below); len(below) > 0; {
		if seen > maxBelow {
			return ids, fmt.Errorf("%s%s: more than %d cgroups below it", t.dir, path, maxBelow)
		}
		level := below[len(below)-1]
		before := len(below) - 1
		err := t.readIDs(level, file, parse)
		if err == nil {
			below, err = t.below(level, below[:before])
		}
		switch {
		case host.IsMissing(err):
			below = below[:before]
		case err != nil:
			return ids, err
		}
		seen += len(below) - before
	}
	return ids, nil
}

// readIDs opens the file each time: to one that stays open v1 shows the same
// list again as long as somebody asks every second (cgroup_pidlist_start,
// kernel/cgroup/cgroup-v1.c). v2's threaded cgroups refuse to list processes,
// their domain does.
func (t *Tree) readIDs(path, file string, parse func([]byte) error) error {
	if err := t.check(path); err != nil {
		return err
	}
	key := name{t.dir, path, file}
	buf := t.buffers.Get().(*[]byte)
	defer t.buffers.Put(buf)
	text, err := host.ReadFile(key.String(), *buf)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return nil
	}
	if err != nil {
		return err
	}
	*buf = text
	return inFile(key, parse(text))
}

// below appends the cgroups directly below path. Most have none: the link
// count tells without a look into the directory.
func (t *Tree) below(path string, paths []string) ([]string, error) {
	_, links, err := t.stat(path)
	const own = 2 // its name in the parent, and its "."
	if err != nil || links == own {
		return paths, err
	}
	entries, err := os.ReadDir(t.dir + path)
	if err != nil {
		return paths, err
	}
	for _, entry := range entries {
		if entry.IsDir() {
			paths = append(paths, join(path, entry.Name()))
		}
	}
	return paths, nil
}
