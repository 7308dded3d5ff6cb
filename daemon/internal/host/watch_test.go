package host

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// behind changes a file in a way that is not reported: through a mapping.
func behind(t *testing.T, file, text string) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	mapped, err := unix.Mmap(int(f.Fd()), 0, len(text), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	copy(mapped, text)
	if err := unix.Munmap(mapped); err != nil {
		t.Fatal(err)
	}
}

func wantUnchanged(t *testing.T, f *Files[string, int], file string, since uint64, want string) {
	t.Helper()
	f.Watching()
	text, err := f.AppendUnchanged([]byte("> "), file, since)
	wantText(t, "> "+want, text, err)
}

func TestUnchangedTextIsNotReadAgain(t *testing.T) {
	f, file := newTestFiles(NewKept(10)), write(t, []byte("one"))
	wantUnchanged(t, f, file, 1, "one")
	behind(t, file, "eno") // who reads once needs no watch
	wantUnchanged(t, f, file, 1, "eno")
	rewrite(t, file, "one")
	wantUnchanged(t, f, file, 1, "one")
	behind(t, file, "two")
	wantUnchanged(t, f, file, 1, "one")
	rewrite(t, file, "six")
	wantUnchanged(t, f, file, 1, "six")
	behind(t, file, "ten")
	// A cgroup below it was opened: its ancestor may be another.
	_, opening, err := f.Append(nil, write(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	wantUnchanged(t, f, file, opening.Number, "ten")
}

func TestOneFileOfTwoNames(t *testing.T) {
	f, file := newTestFiles(NewKept(10)), write(t, []byte("one"))
	other := file + ".other"
	if err := os.Link(file, other); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		wantUnchanged(t, f, file, 1, "one")
		wantUnchanged(t, f, other, 1, "one") // takes the watch over
	}
	rewrite(t, file, "two")
	wantUnchanged(t, f, file, 1, "two")
	wantUnchanged(t, f, other, 1, "two")
}

func TestClosedFileHasNoWatch(t *testing.T) {
	kept := NewKept(10)
	f, file := newTestFiles(kept), write(t, []byte("one"))
	for range 2 {
		wantUnchanged(t, f, file, 1, "one")
	}
	kept.Sweep() // marks
	kept.Sweep() // closes
	if n := len(f.watches.owner); n != 0 {
		t.Errorf("%d watches of no file", n)
	}
	behind(t, file, "two")
	for range 2 {
		wantUnchanged(t, f, file, 1, "two")
	}
	if n := len(f.watches.owner); n != 1 {
		t.Errorf("%d watches, want 1", n)
	}
}

// TestTextOfBeforeAWrite: a text read while somebody writes is not kept.
func TestTextOfBeforeAWrite(t *testing.T) {
	f, file := newTestFiles(NewKept(10)), write(t, []byte("one"))
	open, _, err := f.get(file)
	if err != nil {
		t.Fatal(err)
	}
	defer open.release()
	_, _ = f.watches.begin(&open.watched, open.fd)
	changes, ok := f.watches.begin(&open.watched, open.fd)
	if !ok {
		t.Fatal("no watch")
	}
	rewrite(t, file, "two")
	f.Watching() // another reader's
	f.watches.keep(&open.watched, []byte("one"), 100, changes)
	wantUnchanged(t, f, file, 1, "two")
}

// TestWithoutReports: whatever ends the kernel's reports, texts are fresh.
func TestWithoutReports(t *testing.T) {
	for name, breakIt := range map[string]func(f *Files[string, int]){
		"no watch left": func(f *Files[string, int]) { f.watches.max = 0 },
		"no inotify":    func(f *Files[string, int]) { unix.Close(f.watches.fd); f.watches.fd = -1 },
		"inotify fails": func(f *Files[string, int]) {
			end, err := unix.Open("/proc/self/mem", unix.O_RDONLY|unix.O_CLOEXEC, 0) // EIO
			if err == nil {
				err = unix.Dup3(end, f.watches.fd, unix.O_CLOEXEC)
			}
			if err != nil {
				t.Fatal(err)
			}
		},
		"too many reports": func(f *Files[string, int]) {
			f.watches.take(append([]byte{0xff, 0xff, 0xff, 0xff, 0, 0x40, 0, 0}, make([]byte, 8)...))
		},
	} {
		f, first, second := newTestFiles(NewKept(10)), write(t, []byte("one")), write(t, []byte("uno"))
		for range 2 {
			wantUnchanged(t, f, first, 1, "one")
		}
		breakIt(f)
		f.Watching()
		if name != "no watch left" { // a watch there is goes on
			behind(t, first, "two")
			wantUnchanged(t, f, first, 1, "two")
		}
		for range 2 {
			wantUnchanged(t, f, second, 1, "uno")
		}
		if name == "too many reports" {
			continue
		}
		behind(t, second, "due")
		wantUnchanged(t, f, second, 1, "due")
	}
}

// TestNoWriteIsMissed: a reader that begins after a write has its text, with
// many readers and writes at the same time.
func TestNoWriteIsMissed(t *testing.T) {
	f, file := newTestFiles(NewKept(10)), write(t, []byte("1000"))
	var written atomic.Int64
	written.Store(1000)
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			var buf []byte
			for {
				select {
				case <-done:
					return
				default:
				}
				atLeast := written.Load()
				f.Watching()
				var err error
				buf, err = f.AppendUnchanged(buf[:0], file, 1)
				if n, _ := strconv.ParseInt(string(buf), 10, 64); err != nil || n < atLeast {
					t.Errorf("read %q, error %v, after %d was written", buf, err, atLeast)
					return
				}
			}
		})
	}
	out, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	for n := int64(1001); n < 4000; n++ {
		if _, err := out.WriteAt(fmt.Append(nil, n), 0); err != nil {
			t.Fatal(err)
		}
		written.Store(n)
	}
	close(done)
	readers.Wait()
}
