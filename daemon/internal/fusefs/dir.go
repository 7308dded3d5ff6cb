package fusefs

import (
	"path"
	"slices"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// OpenDir needs no state: a listing is short, and made anew for each part.
func (f *FS) OpenDir(_ <-chan struct{}, in *fuse.OpenIn, _ *fuse.OpenOut) fuse.Status {
	n, ok := f.node(in.NodeId)
	if !ok {
		return fuse.ENOENT
	}
	if n.mode&syscall.S_IFMT != syscall.S_IFDIR {
		return fuse.ENOTDIR
	}
	return fuse.OK
}

// ReadDir lists a directory in sorted order; an offset is a position in it.
func (f *FS) ReadDir(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	n, ok := f.node(in.NodeId)
	if !ok {
		return fuse.ENOENT
	}
	types := f.nodes.children(n.path)
	if n.dynamic() {
		var err error
		if types, err = f.tree.List(int(in.Pid), n.path); err != nil {
			return status(err)
		}
	}
	names := make([]string, 0, len(types)+2)
	for name := range types {
		names = append(names, name)
	}
	slices.Sort(names)
	names = append([]string{".", ".."}, names...)
	types["."], types[".."] = syscall.S_IFDIR, syscall.S_IFDIR
	for i := in.Offset; i < uint64(len(names)); i++ {
		name := names[i]
		entry := fuse.DirEntry{Name: name, Mode: types[name], Ino: inode(path.Join(n.path, name)), Off: i + 1}
		if !out.AddDirEntry(entry) {
			break
		}
	}
	return fuse.OK
}
