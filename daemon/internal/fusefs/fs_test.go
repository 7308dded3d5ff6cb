package fusefs

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/podview/podview/daemon/paths"
)

func TestReadsOfOneDescriptor(t *testing.T) {
	dir := mount(t, New(newFakeTree(), paths.All))
	f, err := os.Open(dir + "/proc/meminfo")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()

	whole, err := io.ReadAll(f)
	if err != nil || !bytes.HasPrefix(whole, []byte("/proc/meminfo read 1\n")) || len(whole) < 10_000 {
		t.Fatalf("%.40q (%d bytes), %v", whole, len(whole), err)
	}
	for _, offset := range []int64{1, 20, 5000, int64(len(whole)) - 1} {
		part := make([]byte, 100)
		n, err := f.ReadAt(part, offset)
		if err != nil && err != io.EOF || !bytes.Equal(part[:n], whole[offset:min(offset+100, int64(len(whole)))]) {
			t.Errorf("at %d: %.40q, %v", offset, part[:n], err)
		}
	}
	if n, err := f.ReadAt(make([]byte, 1), int64(len(whole))+1000); n != 0 || err != io.EOF {
		t.Errorf("past the end: %d bytes, %v", n, err)
	}

	if _, err := f.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	again, err := io.ReadAll(f)
	if err != nil || !bytes.HasPrefix(again, []byte("/proc/meminfo read 2\n")) {
		t.Errorf("after lseek(0): %.40q, %v; want a fresh text", again, err)
	}
}

func TestTree(t *testing.T) {
	dir := mount(t, New(newFakeTree(), paths.All))
	for path, want := range map[string]string{
		"":                        "proc sys",
		"proc":                    "cpuinfo diskstats loadavg meminfo pressure slabinfo stat swaps uptime",
		"proc/pressure":           "cpu io irq memory",
		"sys/devices/system":      "cpu node",
		"sys/devices/system/cpu":  "cpu0 link online",
		"sys/devices/system/node": "",
	} {
		entries, err := os.ReadDir(filepath.Join(dir, path))
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
			if info, err := os.Lstat(filepath.Join(dir, path, e.Name())); err != nil || info.Mode().Type() != e.Type() {
				t.Errorf("%s/%s: listed as %v, is %v (%v)", path, e.Name(), e.Type(), info, err)
			}
		}
		if err != nil || !slices.Equal(names, strings.Fields(want)) {
			t.Errorf("%q: %q, %v; want %q", path, names, err, want)
		}
	}
	if target, err := os.Readlink(dir + paths.CPUDir + "/link"); err != nil || target != "../somewhere" {
		t.Errorf("link: %q, %v", target, err)
	}
	if info, err := os.Stat(dir + "/proc/slabinfo"); err != nil || info.Mode() != 0o440 {
		t.Errorf("slabinfo: %v, %v; want mode 0440", info, err)
	}
	for _, absent := range []string{"/nothing", "/.go-fuse-epoll-hack", "/proc/vmstat", paths.CPUDir + "/cpu1", "/proc/meminfo/x"} {
		if _, err := os.Lstat(dir + absent); err == nil {
			t.Errorf("%s is there", absent)
		}
	}
	if text, err := os.ReadFile(dir + paths.CPUDir + "/cpu0/broken"); !errors.Is(err, syscall.EIO) {
		t.Errorf("a tree that fails: %q, %v; want EIO", text, err)
	}
	if err := os.WriteFile(dir+"/proc/stat", []byte("x"), 0); !errors.Is(err, syscall.EROFS) && !errors.Is(err, syscall.EACCES) {
		t.Errorf("writing: %v", err)
	}
}

// TestAnotherProcessTakesOver: ids that this FS never gave out are those of
// its predecessor.
func TestAnotherProcessTakesOver(t *testing.T) {
	first, second := New(newFakeTree(), paths.All), New(newFakeTree(), paths.All)
	var header fuse.InHeader
	var entry fuse.EntryOut
	header.NodeId = nodeID(paths.CPUDir)
	if s := first.Lookup(nil, &header, "cpu0", &entry); !s.Ok() {
		t.Fatal(s)
	}
	header.NodeId = entry.NodeId
	if s := first.Lookup(nil, &header, "broken", &entry); !s.Ok() {
		t.Fatal(s)
	}
	in := &fuse.GetAttrIn{InHeader: fuse.InHeader{NodeId: entry.NodeId}}
	var attr fuse.AttrOut
	if s := second.GetAttr(nil, in, &attr); !s.Ok() || attr.Mode != syscall.S_IFREG|0o444 {
		t.Errorf("the successor says %v, mode %o", s, attr.Mode)
	}

	var opened fuse.OpenOut
	open := &fuse.OpenIn{InHeader: fuse.InHeader{NodeId: nodeID("/proc/stat")}}
	if s := first.Open(nil, open, &opened); !s.Ok() {
		t.Fatal(s)
	}
	read := &fuse.ReadIn{ReadFlags: readLockOwner, InHeader: open.InHeader, Fh: opened.Fh, Offset: 6}
	if _, s := second.Read(nil, read, make([]byte, 10)); !s.Ok() {
		t.Errorf("a read of the predecessor's handle: %v", s)
	}
	var other fuse.OpenOut
	if second.Open(nil, open, &other); other.Fh == opened.Fh {
		t.Error("both gave out the same handle")
	}
}

// TestHandlesBeyondTheTable: a container with very many open files must not
// cost the others their snapshots.
func TestHandlesBeyondTheTable(t *testing.T) {
	f := New(newFakeTree(), paths.All)
	for fh := range uint64(maxSnapshots) {
		f.handles.get(fh)
	}
	in := &fuse.ReadIn{ReadFlags: readLockOwner, InHeader: fuse.InHeader{NodeId: nodeID("/proc/stat")}}
	buf := make([]byte, 10)
	for fh := range uint64(1000) {
		in.Fh = maxSnapshots + fh
		for in.Offset = range uint64(2) {
			if _, s := f.Read(nil, in, buf); !s.Ok() {
				t.Fatal(s)
			}
		}
		f.Release(nil, &fuse.ReleaseIn{Fh: in.Fh})
	}
	if size := f.handles.size.Load(); size != 0 {
		t.Errorf("%d bytes are accounted to handles that are not kept", size)
	}
}

// TestSizes: never less than a text, and such that reading backwards in pieces
// of 8 KiB begins at the start of a short one. One block, for wc -c.
func TestSizes(t *testing.T) {
	for bytes, want := range map[int]uint64{0: 8192, 1500: 8192, 8192: 8192, 8193: 32768, 65536: 131072, 100_000: 262_144} {
		f := New(newFakeTree(), paths.All)
		f.Measure(func(path string) ([]byte, error) {
			if path != "/proc/cpuinfo" {
				return nil, fs.ErrNotExist
			}
			return make([]byte, bytes), nil
		})
		for file, want := range map[string]uint64{"/proc/cpuinfo": want, "/proc/stat": 8192, paths.CPUDir + "/online": 4096} {
			var out fuse.EntryOut
			header := &fuse.InHeader{NodeId: nodeID(path.Dir(file))}
			if s := f.Lookup(nil, header, path.Base(file), &out); !s.Ok() || out.Size != want || uint64(out.Blksize) != want {
				t.Errorf("%s with %d bytes: size %d, %v, want %d", file, bytes, out.Size, s, want)
			}
			var attr fuse.AttrOut
			if s := f.GetAttr(nil, &fuse.GetAttrIn{InHeader: fuse.InHeader{NodeId: nodeID(file)}}, &attr); !s.Ok() || attr.Size != want || uint64(attr.Blksize) != want {
				t.Errorf("%s with %d bytes: size %d, %v, want %d", file, bytes, attr.Size, s, want)
			}
		}
	}
}
