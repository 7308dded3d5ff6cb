package tree

import (
	"errors"
	"io/fs"
)

// Level is one cgroup on the way up.
type Level struct {
	Path string
	tree *Tree
	how  manner
}

// Read is Tree.Read of another file of the level, which must be of the same
// kind: a limit where the first one was.
func (l Level) Read(file string, parse func(text []byte) error) error {
	return l.tree.read(l.Path, file, l.how, parse)
}

// Up reads file in path and in each of its ancestors except the root cgroup,
// which has no limits, until visit returns false. A cgroup without the file
// is passed over: the controller is not enabled there. Only path itself
// must exist, else the error is fs.ErrNotExist.
func (t *Tree) Up(path, file string, visit func(l Level, text []byte) (more bool, err error)) error {
	return t.up(path, file, false, visit)
}

// UpLimits is Up for a limit, which only changes by being written to. It is
// read afresh in path, which shows that this is still the cgroup it was. In the
// ancestors, and from other files, a limit is read when it was changed.
func (t *Tree) UpLimits(path, file string, visit func(l Level, text []byte) (more bool, err error)) error {
	if err := t.check(path); err != nil { // a nil Tree has no files
		return err
	}
	t.files.kept.Watching()
	return t.up(path, file, true, visit)
}

func (t *Tree) up(path, file string, limits bool, visit func(l Level, text []byte) (more bool, err error)) error {
	if err := t.check(path); err != nil {
		return err
	}
	more, level := true, Level{path, t, manner{}}
	var visitErr error // of another file perhaps, so that a missing one counts
	parse := func(text []byte) error {
		if limits && level.Path == path {
			level.how = t.unchangedSince(path, file)
		}
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

// unchangedSince is the manner of reading the other limits of path and its
// ancestors, after file was just read. Without that file there is no proof.
func (t *Tree) unchangedSince(path, file string) manner {
	if opening := t.files.kept.Opening(name{t.dir, path, file}); opening != nil {
		return manner{since: opening.Number}
	}
	return manner{}
}
