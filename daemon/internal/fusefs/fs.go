// Package fusefs is the emulated tree as a FUSE file system: names, types and
// handles. What a file says comes from a Tree.
package fusefs

import (
	"errors"
	"io/fs"
	"path"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"k8s.io/klog/v2"

	"github.com/podview/podview/daemon/paths"
)

// Tree answers for the content, and for what is in the directories that are
// emulated as a whole. Paths are absolute as in a container; tid is the
// calling thread, 0 for one that can't be seen.
type Tree interface {
	// Read appends the whole file to dst.
	Read(dst []byte, tid int, path string) ([]byte, error)
	// Stat returns type and permission bits, and whether every caller finds
	// the same kind of thing there.
	Stat(tid int, path string) (mode uint32, shared bool, err error)
	// List returns the names in a directory, with their types.
	List(tid int, path string) (map[string]uint32, error)
	Readlink(tid int, path string) (string, error)
}

// forever is how long the kernel may remember what never changes.
const forever = 365 * 24 * 60 * 60 // seconds

// FS serves a Tree. Its methods may be called concurrently.
type FS struct {
	fuse.RawFileSystem
	// Kept, if not nil, has the texts of an earlier process's handles.
	Kept     *Kept
	tree     Tree
	emulated []paths.Path
	nodes    *nodeTable
	handles  *handleTable
	sizes    map[string]uint32 // of large files in /proc
	started  time.Time
	late     bool
}

// New makes the tree of the emulated paths, which are paths.All or those of
// them that this host's kernel has.
func New(tree Tree, emulated []paths.Path) *FS {
	f := &FS{RawFileSystem: fuse.NewDefaultRawFileSystem(), tree: tree, emulated: emulated, started: time.Now()}
	f.nodes = newNodeTable(emulated)
	f.handles = newHandleTable()
	f.handles.begin(f.handles.next, f.started)
	return f
}

// Resume goes on with the open files of an earlier process on the same mount:
// their texts, and the last number that one was given.
func (f *FS) Resume(kept *Kept, last *atomic.Uint64) {
	f.Kept = kept
	f.handles.begin(last, time.Now())
}

// Instead makes a FS that answers from another tree, for the same open files.
func (f *FS) Instead(tree Tree) *FS {
	other := *f
	other.tree = tree
	return &other
}

// Late is Instead, for a request that f is still at and whose answer will not
// be heard. What it reads is what the open file goes on with.
func (f *FS) Late(tree Tree) *FS {
	late := f.Instead(tree)
	late.late = true
	return late
}

func (f *FS) String() string { return "podview" }

// status is the errno for an error of the Tree.
func status(err error) fuse.Status {
	var errno syscall.Errno
	switch {
	case err == nil:
		return fuse.OK
	case errors.As(err, &errno):
		return fuse.Status(errno)
	case errors.Is(err, fs.ErrNotExist):
		return fuse.ENOENT
	}
	klog.V(1).ErrorS(err, "Answering EIO") // a container could fill the log
	return fuse.EIO
}

// Lookup finds a name in a directory. Only what every caller finds may be
// remembered by the kernel: its name cache is one for all containers.
func (f *FS) Lookup(_ <-chan struct{}, header *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	parent, ok := f.node(header.NodeId)
	if !ok {
		return fuse.ENOENT
	}
	child := path.Join(parent.path, name)
	n, static := f.nodes.find(nodeID(child))
	if !static || !n.static {
		if !parent.dynamic() {
			return fuse.ENOENT
		}
		mode, shared, err := f.tree.Stat(int(header.Pid), child)
		if err != nil {
			return status(err)
		}
		n = node{path: child, mode: mode, shared: shared}
		if !f.nodes.add(n) {
			return fuse.EIO
		}
	}
	out.NodeId = nodeID(child)
	out.AttrValid = forever
	if n.shared {
		out.EntryValid = forever
	}
	f.attr(n, &out.Attr)
	return fuse.OK
}

// GetAttr answers from the node alone: a path is of one type and mode for
// all callers that find it.
func (f *FS) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	n, ok := f.node(in.NodeId)
	if !ok {
		return fuse.ENOENT
	}
	out.AttrValid = forever
	f.attr(n, &out.Attr)
	return fuse.OK
}

const blockSize = 4096

func (f *FS) attr(n node, out *fuse.Attr) {
	out.Ino = inode(n.path)
	out.Mode = n.mode
	out.Nlink = 1
	out.Blksize = blockSize
	if n.mode&syscall.S_IFMT == syscall.S_IFREG {
		out.Blksize = f.size(n)
		out.Size = uint64(out.Blksize)
		leaseless(n, out)
	}
	out.SetTimes(&f.started, &f.started, &f.started)
}

// nobody is no user in any namespace, as the kernel sees it (INVALID_UID).
const nobody = 1<<32 - 1

// leaseless gives a file an owner that nobody can be, with CAP_SETUID either.
// Its owner could take a lease on it (fcntl(2), F_SETLEASE), which makes each
// open by anybody else wait, and the inode is one for all containers. What is
// root's alone to read is its group's (slabinfo: 0440, the kernel's is 0400), of
// whom Open refuses all others.
func leaseless(n node, out *fuse.Attr) {
	out.Owner = fuse.Owner{Uid: nobody, Gid: nobody}
	if n.roots() {
		out.Owner.Gid = 0
		out.Mode |= n.mode & 0o400 >> 3
	}
}

// Readlink returns a symbolic link's target.
func (f *FS) Readlink(_ <-chan struct{}, header *fuse.InHeader) ([]byte, fuse.Status) {
	n, ok := f.node(header.NodeId)
	if !ok {
		return nil, fuse.ENOENT
	}
	target, err := f.tree.Readlink(int(header.Pid), n.path)
	return []byte(target), status(err)
}

// StatFs says no more than that names have a limit; df skips a file system
// without blocks, and fails on one without an answer.
func (f *FS) StatFs(_ <-chan struct{}, _ *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	out.Bsize, out.NameLen = blockSize, 255
	return fuse.OK
}
