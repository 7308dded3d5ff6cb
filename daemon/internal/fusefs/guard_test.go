package fusefs

import (
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/podview/podview/daemon/paths"
)

// guardedTree knows one thread that is root.
type guardedTree struct{ *fakeTree }

const rootThread = 7

func (guardedTree) MayOpen(tid int, _ string) bool { return tid == rootThread }

// TestRootsFiles: the kernel lets root's group open them, we do not.
func TestRootsFiles(t *testing.T) {
	tree := newFakeTree()
	notes := paths.CPUDir + "/cpu0/crash_notes"
	tree.names[notes] = syscall.S_IFREG | 0o400
	f := New(guardedTree{tree}, paths.All)
	for file, guarded := range map[string]bool{"/proc/slabinfo": true, notes: true, "/proc/meminfo": false, paths.CPUDir + "/online": false} {
		for _, tid := range []uint32{rootThread, rootThread + 1, 0} {
			in := &fuse.OpenIn{InHeader: fuse.InHeader{NodeId: nodeID(file)}}
			in.Pid = tid
			want := fuse.OK
			if guarded && tid != rootThread {
				want = fuse.EACCES
			}
			if s := f.Open(nil, in, &fuse.OpenOut{}); s != want {
				t.Errorf("%s by thread %d: %v, want %v", file, tid, s, want)
			}
			if s := f.Instead(guardedTree{tree}).Open(nil, in, &fuse.OpenOut{}); s != want {
				t.Errorf("%s by thread %d, from another tree: %v, want %v", file, tid, s, want)
			}
		}
	}
}
