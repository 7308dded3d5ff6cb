// Package tree reads the files of one mounted cgroup hierarchy, of either
// version: what they say is for packages v1 and v2.
package tree

import (
	"errors"
	"io/fs"
	"strings"
	"sync"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/host"
)

// Tree is one hierarchy. The paths given to its methods are a Place's. A nil
// Tree is one that is not mounted: its methods return fs.ErrNotExist.
type Tree struct {
	dir     string
	buffers sync.Pool // of *[]byte
}

// New takes the directory where the hierarchy is mounted.
func New(dir string) *Tree {
	return &Tree{dir: dir, buffers: sync.Pool{New: func() any { return new([]byte) }}}
}

// ID returns the inode number of a cgroup's directory.
func (t *Tree) ID(path string) (uint64, error) {
	if err := t.check(path); err != nil {
		return 0, err
	}
	return host.Inode(t.dir + path)
}

// Read passes the text of one file to parse, which must not keep it, and
// names the file in parse's error.
func (t *Tree) Read(path, file string, parse func(text []byte) error) error {
	if err := t.check(path); err != nil {
		return err
	}
	full := t.dir + join(path, file)
	buf := t.buffers.Get().(*[]byte)
	defer t.buffers.Put(buf)
	text, err := host.ReadFile(full, *buf)
	if err != nil {
		return err
	}
	*buf = text
	return cgroup.InFile(full, parse(text))
}

// Up reads file in path and in each of its ancestors except the root cgroup,
// which has no limits, until visit returns false. A cgroup without the file
// is passed over: the controller is not enabled there. Only path itself
// must exist, else the error is fs.ErrNotExist.
func (t *Tree) Up(path, file string, visit func(path string, text []byte) (more bool, err error)) error {
	more := true
	var visitErr error // of another file perhaps, so that a missing one counts
	parse := func(text []byte) error {
		more, visitErr = visit(path, text)
		return visitErr
	}
	if err := t.check(path); err != nil {
		return err
	}
	for leaf := path; more && path != "/"; path = parent(path) {
		err := t.Read(path, file, parse)
		if visitErr == nil && errors.Is(err, fs.ErrNotExist) {
			err = nil
			if path == leaf {
				_, err = t.ID(leaf)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func join(path, name string) string {
	if path == "/" {
		return "/" + name
	}
	return path + "/" + name
}

func parent(path string) string {
	return path[:max(strings.LastIndexByte(path, '/'), 1)]
}

// check refuses a path that could lead out of the hierarchy: it comes from
// the text of another process's /proc/PID/cgroup.
func (t *Tree) check(path string) error {
	if t == nil {
		return &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	if !strings.HasPrefix(path, "/") || strings.Contains(path+"/", "/../") {
		return cgroup.InFile(t.dir, cgroup.Malformed([]byte(path)))
	}
	return nil
}
