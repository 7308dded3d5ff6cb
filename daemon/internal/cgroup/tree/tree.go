// Package tree reads the files of one mounted cgroup hierarchy, of either
// version: what they say is for packages v1 and v2.
package tree

import (
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
	files   *Files
	buffers sync.Pool // of *[]byte
}

// New takes the directory where the hierarchy is mounted.
func New(dir string, files *Files) *Tree {
	return &Tree{dir: dir, files: files, buffers: sync.Pool{New: func() any { return new([]byte) }}}
}

// ID returns the inode number of a cgroup's directory. It reads file, any one
// of the cgroup: while that can be read from the same opening, it is the same
// cgroup.
func (t *Tree) ID(path, file string) (uint64, error) {
	// Without the file, as in the root cgroup, there is no opening either.
	_ = t.Read(path, file, func([]byte) error { return nil })
	return t.IDBeside(path, file)
}

// IDBeside is ID after file was read just now.
func (t *Tree) IDBeside(path, file string) (uint64, error) {
	if err := t.check(path); err != nil {
		return 0, err
	}
	opening := t.files.kept.Opening(name{t.dir, path, file})
	if opening == nil {
		inode, _, err := t.stat(path)
		return inode, err
	}
	if id := opening.Value.id.Load(); id != 0 {
		return id, nil
	}
	inode, err := host.Inode(t.dir + path)
	if err == nil {
		opening.Value.id.Store(inode)
	}
	return inode, err
}

func (t *Tree) stat(path string) (inode uint64, links uint32, err error) {
	if err := t.check(path); err != nil {
		return 0, 0, err
	}
	return t.files.kept.Stat(name{t.dir, path, ""})
}

// Read passes the text of one file to parse, which must not keep it, and
// names the file in parse's error.
func (t *Tree) Read(path, file string, parse func(text []byte) error) error {
	return t.read(path, file, (*kept).Append, parse)
}

// ReadPieces is Read of a file that the kernel prints in pieces.
func (t *Tree) ReadPieces(path, file string, parse func(text []byte) error) error {
	return t.read(path, file, (*kept).AppendAll, parse)
}

func (t *Tree) read(path, file string, appendFile func(*kept, []byte, name) ([]byte, *host.Opening[opened], error), parse func(text []byte) error) error {
	if err := t.check(path); err != nil {
		return err
	}
	key := name{t.dir, path, file}
	buf := t.buffers.Get().(*[]byte)
	defer t.buffers.Put(buf)
	text, _, err := appendFile(t.files.kept, (*buf)[:0], key)
	if err != nil {
		return err
	}
	*buf = text
	return inFile(key, parse(text))
}

func inFile(file name, err error) error {
	if err == nil {
		return nil
	}
	return cgroup.InFile(file.String(), err)
}

// check refuses a path that could lead out of the hierarchy: it comes from
// the text of another process's /proc/PID/cgroup.
func (t *Tree) check(path string) error {
	if t == nil {
		return &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	if !strings.HasPrefix(path, "/") || strings.HasSuffix(path, "/..") || strings.Contains(path, "/../") {
		return cgroup.InFile(t.dir, cgroup.Malformed([]byte(path)))
	}
	return nil
}
