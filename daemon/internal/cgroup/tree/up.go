package tree

import (
	"errors"
	"io/fs"
)

// Level is one cgroup on the way up.
type Level struct {
	Path string
	tree *Tree
}

// Read is Tree.Read of another file of the level.
func (l Level) Read(file string, parse func(text []byte) error) error {
	return l.tree.Read(l.Path, file, parse)
}

// Up reads file in path and in each of its ancestors except the root cgroup,
// which has no limits, until visit returns false. A cgroup without the file
// is passed over: the controller is not enabled there. Only path itself
// must exist, else the error is fs.ErrNotExist.
func (t *Tree) Up(path, file string, visit func(l Level, text []byte) (more bool, err error)) error {
	if err := t.check(path); err != nil {
		return err
	}
	more, level := true, Level{path, t}
	var visitErr error // of another file perhaps, so that a missing one counts
	parse := func(text []byte) error {
		more, visitErr = visit(level, text)
		return visitErr
	}
	for ; more && level.Path != "/"; level.Path = parent(level.Path) {
		err := level.Read(file, parse)
		if visitErr == nil && errors.Is(err, fs.ErrNotExist) {
			err = nil
			if level.Path == path {
				_, _, err = t.stat(path)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}
