package fusefs

import (
	"os"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/podview/podview/daemon/paths"
)

// readMany opens so many files that their texts are past a limit, and reads
// as much of each as fits buf.
func readMany(t *testing.T, f *FS, limitBytes int64, buf []byte) {
	t.Helper()
	in := &fuse.ReadIn{ReadFlags: readLockOwner, InHeader: fuse.InHeader{NodeId: nodeID("/proc/stat")}}
	for range limitBytes/10_000 + 500 {
		in.Fh++
		if _, s := f.Read(nil, in, buf); !s.Ok() {
			t.Fatal(s)
		}
	}
}

func releaseAll(t *testing.T, f *FS) {
	t.Helper()
	for fh := range f.handles.open {
		f.Release(nil, &fuse.ReleaseIn{Fh: fh})
	}
	if size, open := f.handles.size.Load(), len(f.handles.open); size != 0 || open != 0 {
		t.Errorf("after every release: %d bytes, %d handles", size, open)
	}
}

func TestSnapshotsAreBounded(t *testing.T) {
	f := New(newFakeTree(), paths.All)
	const slack = 20_000
	readMany(t, f, maxSnapshotBytes, make([]byte, 16<<10))
	if size := f.handles.size.Load(); size > maxSnapshotBytes+slack {
		t.Errorf("%d bytes kept of texts that were read to the end", size)
	}
	// Somebody else, in the middle of a file, keeps his text.
	in := &fuse.ReadIn{ReadFlags: readLockOwner, InHeader: fuse.InHeader{NodeId: nodeID("/proc/uptime")}, Fh: 1 << 40}
	first, second := make([]byte, 9_000), make([]byte, 9_000)
	f.Read(nil, in, first)
	in.Offset = 5
	f.Read(nil, in, second)
	if string(first[5:]) != string(second[:len(first)-5]) {
		t.Errorf("a text changed between two reads: %.40q, %.40q", first[5:], second)
	}
	releaseAll(t, f)

	readMany(t, f, hardLimitBytes, make([]byte, 100))
	if size := f.handles.size.Load(); size > hardLimitBytes+slack {
		t.Errorf("%d bytes kept of texts in the middle of a read", size)
	}
	releaseAll(t, f)
}

// TestTheEndStaysTheEnd: when a text is gone, its length is not.
func TestTheEndStaysTheEnd(t *testing.T) {
	f := New(newFakeTree(), paths.All)
	f.handles.size.Store(maxSnapshotBytes + 1)
	in := &fuse.ReadIn{ReadFlags: readLockOwner, InHeader: fuse.InHeader{NodeId: nodeID("/proc/stat")}, Fh: 1}
	result, _ := f.Read(nil, in, make([]byte, 16<<10))
	length := result.Size()
	if f.handles.open[1].text != nil {
		t.Fatal("the text was kept")
	}
	for _, offset := range []int{length, length + 1} {
		in.Offset = uint64(offset)
		if result, s := f.Read(nil, in, make([]byte, 100)); !s.Ok() || result.Size() != 0 {
			t.Errorf("at %d of %d bytes: %d more, %v", offset, length, result.Size(), s)
		}
	}
}

// busybox's cat asks sendfile(2) first, and takes 0 for the end of the file. It
// must be refused, also when it has been tried before; then cat reads.
func TestSendfileIsRefused(t *testing.T) {
	dir := mount(t, New(newFakeTree(), paths.All))
	for _, name := range []string{"/proc/meminfo", paths.CPUDir + "/online"} {
		file, err := os.Open(dir + name)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer read.Close()
		defer write.Close()
		for range 2 {
			if n, err := syscall.Sendfile(int(write.Fd()), int(file.Fd()), nil, 1<<16); err == nil {
				t.Errorf("%s: sendfile gives %d bytes and no error", name, n)
			}
		}
		got := make([]byte, 1)
		if n, err := file.Read(got); n != 1 || err != nil {
			t.Errorf("%s: then read gives %d bytes, %v", name, n, err)
		}
	}
}

// TestMappingsShowNothing: the pages of a mapping are one for all containers.
func TestMappingsShowNothing(t *testing.T) {
	dir := mount(t, New(newFakeTree(), paths.All))
	for _, name := range []string{"/proc/meminfo", paths.CPUDir + "/online"} {
		file, err := os.Open(dir + name)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		memory, err := syscall.Mmap(int(file.Fd()), 0, 4096, syscall.PROT_READ, syscall.MAP_PRIVATE)
		if err != nil {
			continue // better still
		}
		if b, ok := peek(t, memory); ok {
			t.Errorf("%s: a mapping shows %q", name, b)
		}
		if err := syscall.Munmap(memory); err != nil {
			t.Error(err)
		}
	}
}

// peek reads a byte of memory that may not be there. The kernel does it, in a
// system call: a page fault of this process, which has to answer the request for
// the page, would wait for ever where the garbage collector stops all others.
func peek(t *testing.T, memory []byte) (b byte, ok bool) {
	t.Helper()
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	defer to.Close()
	if _, err := syscall.Write(int(to.Fd()), memory[:1]); err != nil { // EFAULT
		return 0, false
	}
	var one [1]byte
	_, err = from.Read(one[:])
	return one[0], err == nil
}

func TestKeptTextsOutliveTheProcess(t *testing.T) {
	memory := make([]byte, KeptBytes)
	first, second := New(newFakeTree(), paths.All), New(newFakeTree(), paths.All)
	first.Kept = NewKept(memory)
	in := &fuse.ReadIn{ReadFlags: readLockOwner, InHeader: fuse.InHeader{NodeId: nodeID("/proc/stat"), Unique: 6}, Fh: 77}
	whole := make([]byte, 16<<10)
	result, _ := first.Read(nil, in, whole)
	whole = whole[:result.Size()]
	second.Kept = NewKept(memory)
	second.tree.(*fakeTree).reads.Store(1_000_000) // longer texts
	in.Offset = 5
	rest := make([]byte, 16<<10)
	if result, s := second.Read(nil, in, rest); !s.Ok() || string(rest[:result.Size()]) != string(whole[5:]) {
		t.Errorf("the next process continues with %.40q", rest)
	}
	in.Offset = uint64(len(whole))
	if result, s := second.Read(nil, in, rest); !s.Ok() || result.Size() != 0 {
		t.Errorf("%d bytes past the end", result.Size())
	}
	in.Offset, in.Unique = 0, 6|1<<63 // sent again: the reader may have its answer
	if result, s := second.Read(nil, in, rest); !s.Ok() || string(rest[:result.Size()]) != string(whole) {
		t.Errorf("a request that comes twice is answered with %.40q", rest)
	}
	in.Unique = 8
	if second.Read(nil, in, rest); string(rest[:len(whole)]) == string(whole) {
		t.Error("a new request is answered with an old text")
	}
	third := NewKept(memory)
	third.slot(third.slots[77])[keptHeaderBytes] ^= 1 // as if killed while writing
	if _, _, ok := third.load(77, anyRequest, nil); ok {
		t.Error("a damaged text was taken for good")
	}
}

// TestKeptAreTheLastWritten: other files that are opened and closed don't
// take the slot of one that is being read.
func TestKeptAreTheLastWritten(t *testing.T) {
	k := NewKept(make([]byte, KeptBytes))
	k.save(7, 1, []byte("seven"))
	for fh := range uint64(10 * keptSlots) {
		k.save(fh+100, 1, []byte("another"))
		k.drop(fh + 100)
	}
	if text, _, ok := k.load(7, anyRequest, nil); !ok || string(text) != "seven" {
		t.Errorf("%q, %t", text, ok)
	}
	for fh := range uint64(keptSlots) { // all open at once
		k.save(fh+100, 1, []byte("another"))
	}
	if _, _, ok := k.load(7, anyRequest, nil); ok {
		t.Error("the longest unwritten text is still there")
	}
	if text, _, ok := k.load(100+keptSlots-1, anyRequest, nil); !ok || string(text) != "another" {
		t.Errorf("the last: %q, %t", text, ok)
	}
	if len(k.slots) != keptSlots {
		t.Errorf("%d handles known", len(k.slots))
	}
}
