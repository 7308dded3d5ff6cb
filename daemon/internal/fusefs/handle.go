package fusefs

import (
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// Open refuses to write. The kernel need not tell us of close(2) (NOFLUSH)
// and must not keep pages: they would show one container's text to another.
func (f *FS) Open(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	if in.Flags&syscall.O_ACCMODE != syscall.O_RDONLY {
		return fuse.EACCES
	}
	n, ok := f.node(in.NodeId)
	if !ok {
		return fuse.ENOENT
	}
	if tree, ok := f.tree.(GuardedTree); ok && n.roots() && !tree.MayOpen(int(in.Pid), n.path) {
		return fuse.EACCES
	}
	out.Fh = f.handles.next.Add(1)
	out.OpenFlags = fuse.FOPEN_DIRECT_IO | fuse.FOPEN_NOFLUSH
	return fuse.OK
}

// Read is ReadAt for go-fuse.
func (f *FS) Read(_ <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	n, status := f.ReadAt(in, buf)
	return fuse.ReadResultData(buf[:n]), status
}

// readLockOwner is FUSE_READ_LOCKOWNER, which the kernel sets for what read(2)
// asks for itself, and not for a page of its cache.
const readLockOwner = 1 << 1

// ReadAt renders afresh at offset 0, as seq_file does: top and free -s keep one
// descriptor and seek back. Other offsets continue the text of the last such
// read.
//
// Pages are refused: a mapping's and sendfile(2)'s belong to the inode that all
// containers share, and one would read there what another was answered. Who
// asks sendfile then reads.
func (f *FS) ReadAt(in *fuse.ReadIn, buf []byte) (int, fuse.Status) {
	if in.ReadFlags&readLockOwner == 0 {
		return 0, fuse.EINVAL
	}
	n, ok := f.node(in.NodeId)
	if !ok {
		return 0, fuse.ENOENT
	}
	if f.late {
		f.handles.abandon(in.Fh)
	}
	s := f.handles.get(in.Fh)
	defer s.mu.Unlock()
	if in.Offset > 0 && s.length > 0 && in.Offset >= uint64(s.length) {
		return 0, fuse.OK
	}
	if in.Offset == 0 || !s.has {
		owner, err := f.fill(s, n.path, in)
		f.handles.settle(s, owner)
		if err != nil {
			return 0, status(err)
		}
	}
	end := min(in.Offset+uint64(len(buf)), uint64(len(s.text)))
	read := 0
	if in.Offset < end {
		read = copy(buf, s.text[in.Offset:end])
	}
	if s.end = max(s.end, int(end)); s.end == s.length {
		f.handles.trim(s)
	}
	return read, fuse.OK
}

// fill gives s the text that a read is answered from: a new one at offset 0;
// else the one that the handle's last read was answered from, by an earlier
// process perhaps, or a new one cut to its length where only that is known.
// owner is the container whose text it is.
func (f *FS) fill(s *snapshot, path string, in *fuse.ReadIn) (owner uint64, err error) {
	dropped := in.Offset > 0 && s.length > 0
	// A request that comes twice, because its worker died, may have been
	// answered: then the reader has the first text.
	request := in.Unique
	if in.Offset == 0 {
		s.length, s.end, s.sum = 0, 0, 0
	} else {
		request = anyRequest
	}
	s.has = false
	text, length, known := f.Kept.load(in.Fh, request, s.text[:0])
	s.text = text
	if known && len(text) == length && (!dropped || s.goesOn(text)) {
		s.length, s.has = length, true
		return unowned, nil
	}
	if s.text, owner, err = f.render(s.text[:0], int(in.Pid), path); err != nil {
		return owner, err
	}
	switch {
	case dropped && !s.goesOn(s.text):
		s.text = nil
		return owner, errTorn
	case known && !dropped:
		s.text = s.text[:min(length, len(s.text))]
	}
	if !s.abandoned.Load() {
		s.text = f.Kept.saveFor(owner, in.Fh, in.Unique, s.text)
	}
	s.length, s.has = len(s.text), true
	return owner, nil
}

// GuardedTree is a Tree that tells which of those who have root's group are
// root. The request's uid does not: since Linux 6.12 there is none where mounts
// may be ID-mapped (fs/fuse/dev.c, fuse_get_req).
type GuardedTree interface {
	Tree
	MayOpen(tid int, path string) bool
}

// OwnedTree is a Tree that tells whose view it shows, by a number for each
// container.
type OwnedTree interface {
	Tree
	ReadOwned(dst []byte, tid int, path string) (text []byte, owner uint64, err error)
}

// unowned is nobody's share: what a Tree without owners shows.
const unowned = 0

func (f *FS) render(dst []byte, tid int, path string) (text []byte, owner uint64, err error) {
	if tree, ok := f.tree.(OwnedTree); ok {
		return tree.ReadOwned(dst, tid, path)
	}
	text, err = f.tree.Read(dst, tid, path)
	return text, unowned, err
}

// Release ends a handle.
func (f *FS) Release(_ <-chan struct{}, in *fuse.ReleaseIn) {
	f.handles.release(in.Fh)
	f.Kept.drop(in.Fh)
}
