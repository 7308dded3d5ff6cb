package fusefs

import (
	"hash/fnv"
	"path"
	"strings"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
	"k8s.io/klog/v2"

	"github.com/podview/podview/daemon/paths"
)

// node is one name of the tree.
type node struct {
	path   string
	mode   uint32
	static bool // made from paths.All; there for as long as the mount is
	shared bool
}

// dynamic tells whether the Tree knows what is in or below the node.
func (n node) dynamic() bool {
	return strings.HasPrefix(n.path, paths.CPUDir) || strings.HasPrefix(n.path, paths.NodeDir)
}

// roots tells a file that is root's alone.
func (n node) roots() bool { return n.mode&0o004 == 0 }

// nodeID derives a node's id from its path, so that another process can go
// on serving a mount without being told any ids: FNV-1a, 64 bits.
func nodeID(path string) uint64 {
	if path == "/" {
		return fuse.FUSE_ROOT_ID
	}
	h := fnv.New64a()
	h.Write([]byte(path))
	return h.Sum64() | 1<<63 // never 0 or the root's
}

// inode is the number that programs see. It fits 31 bits, for 32-bit programs
// without large file support; two files may have the same.
func inode(path string) uint64 { return nodeID(path)&(1<<31-1) | 1 }

// nodeTable remembers the paths behind the ids the kernel was given. FORGET
// is ignored: there are no more paths than the host's two directories have.
type nodeTable struct {
	mu   sync.RWMutex
	byID map[uint64]node
}

func (t *nodeTable) find(id uint64) (node, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	n, ok := t.byID[id]
	return n, ok
}

// add is false for a path whose id another path has already.
func (t *nodeTable) add(n node) bool {
	id := nodeID(n.path)
	if known, ok := t.find(id); ok {
		if known.path != n.path {
			klog.ErrorS(nil, "Two paths have the same node id", "path", n.path, "other", known.path, "id", id)
			return false
		}
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.byID[id] = n
	return true
}

func newNodeTable(emulated []paths.Path) *nodeTable {
	t := &nodeTable{byID: map[uint64]node{}}
	const dirMode = syscall.S_IFDIR | 0o555
	for _, p := range emulated {
		mode := syscall.S_IFREG | p.Mode
		if p.Dir {
			mode = dirMode
		}
		t.add(node{path: p.Path, mode: mode, static: true, shared: true})
		for dir := path.Dir(p.Path); ; dir = path.Dir(dir) {
			t.add(node{path: dir, mode: dirMode, static: true, shared: true})
			if dir == "/" {
				break
			}
		}
	}
	return t
}

// children are the static names in a static directory.
func (t *nodeTable) children(dir string) map[string]uint32 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	names := map[string]uint32{}
	for _, n := range t.byID {
		if n.static && n.path != "/" && path.Dir(n.path) == dir {
			names[path.Base(n.path)] = n.mode
		}
	}
	return names
}

// node finds the node of an id. An id this process never gave out comes from
// the one that served the mount before it; the host's tree has its path.
func (f *FS) node(id uint64) (node, bool) {
	if n, ok := f.nodes.find(id); ok {
		return n, true
	}
	f.learn(paths.CPUDir)
	f.learn(paths.NodeDir)
	return f.nodes.find(id)
}

// learn enters everything below a dynamic directory as the host has it. What
// only containers have (node0 on a host without one) has the host's names.
func (f *FS) learn(dir string) {
	const theHost = 0
	names, err := f.tree.List(theHost, dir)
	if err != nil {
		return
	}
	for name := range names {
		child := path.Join(dir, name)
		mode, shared, err := f.tree.Stat(theHost, child)
		if err != nil {
			continue
		}
		f.nodes.add(node{path: child, mode: mode, shared: shared})
		if mode&syscall.S_IFMT == syscall.S_IFDIR {
			f.learn(child)
		}
	}
}
