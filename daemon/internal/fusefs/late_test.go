package fusefs

import (
	"maps"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hanwen/go-fuse/v2/fuse"
	"github.com/podview/podview/daemon/internal/fusedev"
	"github.com/podview/podview/daemon/paths"
)

// slowTree does not answer for /proc/stat until it may.
type slowTree struct {
	*fakeTree
	stuck atomic.Int64
	may   chan struct{}
}

func (s *slowTree) Read(dst []byte, tid int, path string) ([]byte, error) {
	if path == "/proc/stat" {
		s.stuck.Add(1)
		<-s.may
	}
	return s.fakeTree.Read(dst, tid, path)
}

// hostTree is what late answers come from.
type hostTree struct{ *fakeTree }

func (hostTree) Read(dst []byte, _ int, path string) ([]byte, error) {
	return append(dst, "the host's "+path+"\n"...), nil
}

// slowMount serves a slowTree with so many readers, and room for more.
func slowMount(t *testing.T, readers, slots int, deadline time.Duration) (dir string, tree *slowTree, f *FS, missed *atomic.Int64) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	tree = &slowTree{fakeTree: newFakeTree(), may: make(chan struct{})}
	f = New(tree, paths.All)
	f.Kept = NewKept(make([]byte, KeptBytes))
	dir = t.TempDir()
	fd, err := fusedev.Mount(dir)
	if err != nil {
		t.Fatal(err)
	}
	conn := fusedev.NewConn(fd, f, fusedev.NewSlots(slots))
	missed = new(atomic.Int64)
	conn.Readers, conn.Deadline, conn.Late, conn.Host = readers, deadline, f.Late(hostTree{tree.fakeTree}), f.Instead(hostTree{tree.fakeTree})
	conn.Missed = func() { missed.Add(1) }
	init, err := conn.Handshake()
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Adopt(init); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- conn.Serve(-1) }()
	t.Cleanup(func() {
		abortIfFailed(t, dir)
		if err := fusedev.Unmount(dir); err != nil && !t.Failed() {
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		unix.Close(fd)
	})
	return dir, tree, f, missed
}

// abortIfFailed answers whoever waits with an error. A process whose threads
// wait for itself can't even exit.
func abortIfFailed(t *testing.T, dir string) {
	if t.Failed() {
		_ = unix.Unmount(dir, unix.MNT_FORCE)
	}
}

// Others get their answers while all readers are stuck in slow files.
func TestStuckReaderIsReplaced(t *testing.T) {
	dir, tree, _, missed := slowMount(t, 2, 8, time.Hour)
	var slow []chan string
	for n := range int64(5) {
		slow = append(slow, inBackground(t, tree, dir+"/proc/stat", n+1))
	}
	if got := readRaw(t, dir+"/proc/uptime"); !strings.HasPrefix(got, "/proc/uptime read ") {
		t.Errorf("with five stuck readers: %.40q", got)
	}
	close(tree.may)
	for _, text := range slow {
		if got := <-text; !strings.HasPrefix(got, "/proc/stat read ") {
			t.Errorf("after it was stuck: %.40q", got)
		}
	}
	if n := missed.Load(); n != 0 {
		t.Errorf("%d missed a deadline of an hour", n)
	}
}

// A read that takes too long is answered from the host, and goes on with that.
func TestLateReads(t *testing.T) {
	dir, tree, f, missed := slowMount(t, 1, 8, time.Millisecond)
	if got, want := <-inBackground(t, tree, dir+"/proc/stat", 1), "the host's /proc/stat\n"; got != want {
		t.Errorf("late: %q, want %q", got, want)
	}
	waitFor(t, func() bool { return missed.Load() == 1 }) // it is counted after the answer
	fd, err := unix.Open(dir+"/proc/stat", unix.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	buf := make([]byte, 4)
	for range 2 {
		if n, err := unix.Pread(fd, buf, 0); err != nil || string(buf[:n]) != "the " {
			t.Errorf("late: %q, %v", buf[:n], err)
		}
	}
	close(tree.may) // now the slow reads end, and nobody hears of it
	waitFor(t, func() bool { return tree.reads.Load() == 3 })
	if n, err := unix.Pread(fd, buf, 4); err != nil || string(buf[:n]) != "host" {
		t.Errorf("the next part: %q, %v", buf[:n], err)
	}
	f.handles.mu.Lock()
	open := slices.Collect(maps.Keys(f.handles.open))
	f.handles.mu.Unlock()
	for _, fh := range open {
		// What the next process would go on with.
		if text, _, _ := f.Kept.load(fh, anyRequest, nil); string(text) != "the host's /proc/stat\n" {
			t.Errorf("kept: %.40q", text)
		}
	}
	if n, err := unix.Pread(fd, buf, 0); err != nil || string(buf[:n]) != "/pro" {
		t.Errorf("read anew: %q, %v", buf[:n], err)
	}
}

// The last slot's reader answers from the host, so that somebody does.
func TestAllReadersAreStuck(t *testing.T) {
	dir, tree, _, _ := slowMount(t, 2, 4, time.Hour)
	for n := range int64(3) {
		inBackground(t, tree, dir+"/proc/stat", n+1)
	}
	for _, name := range []string{"uptime", "stat"} {
		if got, want := readRaw(t, dir+"/proc/"+name), "the host's /proc/"+name+"\n"; got != want {
			t.Errorf("with three of three readers stuck: %q, want %q", got, want)
		}
	}
	// One of those who were stuck takes over again, and that reader leaves.
	tree.may <- struct{}{}
	inRow := 0
	waitFor(t, func() bool {
		if inRow++; readRaw(t, dir+"/proc/uptime") == "the host's /proc/uptime\n" {
			inRow = 0
		}
		return inRow == 20
	})
	close(tree.may)
}

// Handles go on where the process before has stopped, whatever the clock says.
func TestHandlesGoOn(t *testing.T) {
	var last atomic.Uint64
	last.Store(1 << 62)
	f := New(newFakeTree(), paths.All)
	f.Resume(nil, &last)
	out := &fuse.OpenOut{}
	if s := f.Open(nil, &fuse.OpenIn{InHeader: fuse.InHeader{NodeId: nodeID("/proc/stat")}}, out); !s.Ok() || out.Fh != 1<<62+1 || last.Load() != out.Fh {
		t.Errorf("handle %d after %d, then %d is the last (%v)", out.Fh, uint64(1<<62), last.Load(), s)
	}
}
