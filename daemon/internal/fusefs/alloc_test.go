//go:build !race

package fusefs

import (
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/podview/podview/daemon/paths"
)

// plainTree is a Tree that makes no garbage of its own.
type plainTree struct{ *fakeTree }

func (plainTree) Read(dst []byte, _ int, path string) ([]byte, error) {
	return append(append(dst, path...), '\n'), nil
}

// TestReadsMakeNoGarbage: open, read, read to the end, close.
func TestReadsMakeNoGarbage(t *testing.T) {
	f := New(plainTree{newFakeTree()}, paths.All)
	f.Kept = NewKept(make([]byte, KeptBytes))
	node := fuse.InHeader{NodeId: nodeID("/proc/stat")}
	open, read, release := &fuse.OpenIn{InHeader: node}, &fuse.ReadIn{ReadFlags: readLockOwner, InHeader: node}, &fuse.ReleaseIn{InHeader: node}
	out, buf := &fuse.OpenOut{}, make([]byte, 4096)
	allocations := testing.AllocsPerRun(1000, func() {
		if s := f.Open(nil, open, out); !s.Ok() {
			t.Fatal(s)
		}
		read.Fh, read.Offset, release.Fh = out.Fh, 0, out.Fh
		read.Unique++
		n, s := f.ReadAt(read, buf)
		read.Offset = uint64(n)
		if end, _ := f.ReadAt(read, buf); !s.Ok() || string(buf[:n]) != "/proc/stat\n" || end != 0 {
			t.Fatalf("%q, then %d bytes (%v)", buf[:n], end, s)
		}
		f.Release(nil, release)
	})
	if allocations != 0 {
		t.Errorf("%v allocations for each file read", allocations)
	}
}

// A snapshot that is used again says nothing of what it was used for.
func TestSnapshotsAreUsedAgain(t *testing.T) {
	f := New(newFakeTree(), paths.All)
	in := &fuse.ReadIn{ReadFlags: readLockOwner, InHeader: fuse.InHeader{NodeId: nodeID("/proc/stat")}, Fh: 1}
	first, second := make([]byte, 100), make([]byte, 100)
	f.ReadAt(in, first)
	old := f.handles.open[1]
	f.Release(nil, &fuse.ReleaseIn{Fh: 1})
	in.Fh, in.Offset = 2, 5
	if n, s := f.ReadAt(in, second); !s.Ok() || string(second[:n]) == string(first[5:]) {
		t.Errorf("the next file is read from the text of the one before: %q", second[:n])
	}
	if f.handles.open[2] != old {
		t.Error("the snapshot was not used again")
	}
	f.Release(nil, &fuse.ReleaseIn{Fh: 2})
	if size := f.handles.size.Load(); size != 0 {
		t.Errorf("%d bytes of no file", size)
	}
}
