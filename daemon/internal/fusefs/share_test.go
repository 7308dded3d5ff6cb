package fusefs

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/podview/podview/daemon/paths"
)

// ownedTree shows the containers 100, 101, … by thread id, and a text that is
// another each time, or the same.
type ownedTree struct {
	*fakeTree
	same bool
}

func (o *ownedTree) ReadOwned(dst []byte, tid int, path string) ([]byte, uint64, error) {
	text, err := o.Read(dst, tid, path)
	if o.same {
		text = append(dst, strings.Repeat("the same ", 2000)...)
	}
	return text, uint64(tid), err
}

func readPart(f *FS, tid uint32, fh, offset uint64, length int) (string, fuse.Status) {
	in := &fuse.ReadIn{ReadFlags: readLockOwner, InHeader: fuse.InHeader{NodeId: nodeID("/proc/stat"), Caller: fuse.Caller{Pid: tid}}, Fh: fh, Offset: offset}
	buf := make([]byte, length)
	n, s := f.ReadAt(in, buf)
	return string(buf[:n]), s
}

// One container, or many, with more files open than fit does not tear what
// another is in the middle of.
func TestSharesAreApart(t *testing.T) {
	f := New(&ownedTree{fakeTree: newFakeTree()}, paths.All)
	const victim, fh = 7, 1 << 40
	first, _ := readPart(f, victim, fh, 0, 500)
	attackers := uint32(2 * maxSnapshotBytes / maxShareBytes)
	for n := range uint64(maxShareBytes/10_000 + 2*maxDropped) {
		for a := range attackers {
			readPart(f, 100+a, n*uint64(attackers)+uint64(a)+1, 0, 100)
		}
	}
	rest, s := readPart(f, victim, fh, 500, 20_000)
	if line, _, _ := strings.Cut(first, "\n"); !s.Ok() || len(first)+len(rest) != len(line)+1+10_000 {
		t.Errorf("%d of the victim's bytes, then %d (%v)", len(first), len(rest), s)
	}
	if size := f.handles.size.Load(); size > maxSnapshotBytes {
		t.Errorf("%d bytes of texts, %d allowed", size, maxSnapshotBytes)
	}
	for owner, sh := range f.handles.shares {
		if sh.bytes > maxShareBytes || sh.dropped.length > maxDropped {
			t.Errorf("share %d: %d bytes, %d without a text", owner, sh.bytes, sh.dropped.length)
		}
	}
	releaseAll(t, f)
	if len(f.handles.shares) != 0 {
		t.Errorf("%d shares without a file", len(f.handles.shares))
	}
}

// A container's files that are open are bounded, also with small texts.
func TestSnapshotsOfOneAreBounded(t *testing.T) {
	f := New(&ownedTree{fakeTree: newFakeTree()}, paths.All)
	for n := range uint64(20_000) {
		readPart(f, 100, n+1, 0, 1)
	}
	if open, most := len(f.handles.open), maxShareBytes/10_000+maxDropped; open > most {
		t.Errorf("%d snapshots of one container, %d allowed", open, most)
	}
}

// The reader of a text that had to go is told, unless a new one begins with all
// that he has.
func TestDroppedTextIsNotTorn(t *testing.T) {
	for _, same := range []bool{false, true} {
		f := New(&ownedTree{fakeTree: newFakeTree(), same: same}, paths.All)
		const tid, fh = 100, 1
		first, _ := readPart(f, tid, fh, 0, 500)
		for n := range uint64(maxShareBytes/10_000 + 100) {
			readPart(f, tid, fh+1+n, 0, 1)
		}
		if f.handles.open[fh] == nil || f.handles.open[fh].has {
			t.Fatal("the text was not dropped")
		}
		rest, s := readPart(f, tid, fh, 500, 30_000)
		switch {
		case !same && s != fuse.Status(syscall.ESTALE):
			t.Errorf("another text goes on after %.40q with %.40q (%v)", first, rest, s)
		case same && (!s.Ok() || first+rest != strings.Repeat("the same ", 2000)):
			t.Errorf("the same text: %d + %d bytes (%v)", len(first), len(rest), s)
		}
		if again, s := readPart(f, tid, fh, 0, 500); !s.Ok() || len(again) != 500 {
			t.Errorf("read anew: %d bytes, %v", len(again), s)
		}
	}
}

// A read that fails leaves nothing behind.
func TestFailedReadsAreNotKept(t *testing.T) {
	f := New(newFakeTree(), paths.All)
	path := paths.CPUDir + "/broken"
	f.nodes.add(node{path: path, mode: syscall.S_IFREG | 0o444})
	in := &fuse.ReadIn{ReadFlags: readLockOwner, InHeader: fuse.InHeader{NodeId: nodeID(path)}}
	for range 10 {
		in.Fh++
		if _, s := f.ReadAt(in, make([]byte, 10)); s.Ok() {
			t.Fatal("no error")
		}
	}
	if n := len(f.handles.open); n != 0 {
		t.Errorf("%d snapshots of reads that failed", n)
	}
}

// One container's texts do not take all slots that outlive the process.
func TestKeptSlotsAreShared(t *testing.T) {
	k := NewKept(make([]byte, KeptBytes))
	k.saveFor(7, 1, 1, []byte("the victim's"))
	for fh := range uint64(2 * keptSlots) {
		k.saveFor(8, fh+100, 1, fmt.Append(nil, fh))
	}
	if text, _, ok := k.load(1, anyRequest, nil); !ok || string(text) != "the victim's" {
		t.Errorf("%q, %t", text, ok)
	}
	if text, _, ok := k.load(100+2*keptSlots-1, anyRequest, nil); !ok || string(text) != fmt.Sprint(2*keptSlots-1) {
		t.Errorf("the last: %q, %t", text, ok)
	}
	if n := len(k.slots); n != 1+keptEach {
		t.Errorf("%d slots, want %d", n, 1+keptEach)
	}
}

// Nobody owns a file who could take a lease on it.
func TestFilesHaveNoOwner(t *testing.T) {
	f := New(newFakeTree(), paths.All)
	f.nodes.add(node{path: paths.CPUDir + "/secret", mode: syscall.S_IFREG | 0o400})
	want := map[string]fuse.Attr{
		"/proc/stat":             {Mode: syscall.S_IFREG | 0o444, Owner: fuse.Owner{Uid: nobody, Gid: nobody}},
		paths.CPUDir + "/secret": {Mode: syscall.S_IFREG | 0o440, Owner: fuse.Owner{Uid: nobody}},
		"/proc/slabinfo":         {Mode: syscall.S_IFREG | 0o440, Owner: fuse.Owner{Uid: nobody}},
		paths.CPUDir:             {Mode: syscall.S_IFDIR | 0o555},
	}
	for path, w := range want {
		out := &fuse.AttrOut{}
		if s := f.GetAttr(nil, &fuse.GetAttrIn{InHeader: fuse.InHeader{NodeId: nodeID(path)}}, out); !s.Ok() || out.Mode != w.Mode || out.Owner != w.Owner {
			t.Errorf("%s: mode %o, owner %v (%v), want %o, %v", path, out.Mode, out.Owner, s, w.Mode, w.Owner)
		}
	}
}

// Whatever runs beside what, the books are right in the end.
func TestSharesOfManyReaders(t *testing.T) {
	f := New(&ownedTree{fakeTree: newFakeTree()}, paths.All)
	f.Kept = NewKept(make([]byte, KeptBytes))
	var readers sync.WaitGroup
	for r := range 8 {
		readers.Add(1)
		go func() {
			defer readers.Done()
			random := rand.New(rand.NewPCG(uint64(r), 1))
			for range 5000 {
				fh, tid := 1+random.Uint64N(1500), 100+random.Uint32N(2)
				switch random.IntN(10) {
				case 0:
					f.Release(nil, &fuse.ReleaseIn{Fh: fh})
				case 1:
					f.handles.abandon(fh)
				case 2, 3:
					readPart(f, tid, fh, 500, 1000)
				default:
					readPart(f, tid, fh, 0, 500)
				}
			}
		}()
	}
	readers.Wait()
	for owner, sh := range f.handles.shares {
		if sh.bytes > maxShareBytes {
			t.Errorf("share %d: %d bytes", owner, sh.bytes)
		}
	}
	releaseAll(t, f)
	if len(f.handles.shares) != 0 {
		t.Errorf("%d shares without a file", len(f.handles.shares))
	}
}
