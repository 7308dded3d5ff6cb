package reader

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestMain plays the part of a child that reads, too.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == ProcessCommand {
		if err := Process(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func newContainer(t *testing.T) *container {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return &container{exe: exe}
}

func TestBursts(t *testing.T) {
	c := newContainer(t)
	const threads, ops = 3, 5
	for _, way := range []string{Open, Pread, Spawn} {
		r := Request{Path: "/proc/uptime", Way: way, Threads: threads, Ops: ops}
		var burst Reply
		for _, op := range []string{"prepare", "burst"} {
			r.Op = op
			reply, err := c.answer(&r)
			if err != nil {
				t.Fatalf("%s %s: %v", way, op, err)
			}
			if op == "burst" {
				burst = reply
			}
		}
		counted := 0
		for _, b := range burst.Buckets {
			counted += int(b.Count)
		}
		if burst.Ops != threads*ops || counted != threads*ops || burst.ThreadNsec <= 0 {
			t.Errorf("%s: %d reads, %d of them timed, %d ns; want %d", way, burst.Ops, counted, burst.ThreadNsec, threads*ops)
		}
		kept := 0
		if way == Pread {
			kept = threads
		}
		if n := len(openFiles(t, "/proc/uptime")); n != kept {
			t.Errorf("%s: %d descriptors are open, want %d", way, n, kept)
		}
	}
}

func TestBurstEndsInTime(t *testing.T) {
	c := newContainer(t)
	const nsec = int64(20 * time.Millisecond)
	reply, err := c.answer(&Request{Op: "burst", Path: "/proc/uptime", Way: Open, Threads: 1, Nsec: nsec})
	if err != nil || reply.ThreadNsec < nsec || reply.Ops < 1 {
		t.Errorf("%+v, %v", reply, err)
	}
}

// TestLateStartCounts: who starts late has read for less of the time.
func TestLateStartCounts(t *testing.T) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		t.Fatal(err)
	}
	const late = int64(50 * time.Millisecond)
	for _, test := range []struct {
		start   int64
		minimum int64
	}{{ts.Nano() - late, late}, {ts.Nano() + late, 1}} {
		reply, err := newContainer(t).answer(&Request{Op: "burst", Path: "/proc/uptime", Way: Open, Threads: 1, Ops: 1, Start: test.start})
		if err != nil || reply.Ops != 1 || reply.ThreadNsec < test.minimum {
			t.Errorf("started at %d, now %d: %+v, %v", test.start, ts.Nano(), reply, err)
		}
		var now unix.Timespec
		_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
		if now.Nano() < test.start {
			t.Errorf("done at %d, before %d", now.Nano(), test.start)
		}
	}
}

func TestTooLate(t *testing.T) {
	reply, err := newContainer(t).answer(&Request{Op: "burst", Path: "/proc/uptime", Way: Open, Threads: 1, Nsec: 1000, Start: 1})
	if err != nil || reply.Ops != 1 || reply.ThreadNsec < 1e9 {
		t.Errorf("%+v, %v; want one read, and the time that was lost", reply, err)
	}
}

func TestAReadThatFailsIsAnError(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{empty, empty + ".missing"} {
		for _, way := range []string{Open, Pread, Spawn, "other"} {
			c := newContainer(t)
			_, errPrepare := c.answer(&Request{Op: "prepare", Path: path, Way: way, Threads: 1})
			reply, err := c.answer(&Request{Op: "burst", Path: path, Way: way, Threads: 1, Ops: 1})
			if errPrepare == nil || err == nil || reply.Ops > 0 {
				t.Errorf("%s of %s: %+v, %v and %v", way, path, reply, errPrepare, err)
			}
		}
	}
}

// openFiles are this process's descriptors of path.
func openFiles(t *testing.T, path string) (found []string) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if to, _ := os.Readlink("/proc/self/fd/" + fd.Name()); strings.HasSuffix(to, path) {
			found = append(found, fd.Name())
		}
	}
	return found
}
