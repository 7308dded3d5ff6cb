package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// soaking: make soak sets SOAK=1 for the long form of the fault tests.
func soaking() bool { return os.Getenv("SOAK") != "" }

func times(short, long int) int {
	if soaking() {
		return long
	}
	return short
}

// atWork returns the oldest worker among a process's children: the one that
// serves, where a younger one waits to take its place.
func atWork(pid int) (int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	oldest, found := uint64(0), 0
	for _, file := range stats {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		const state, parent, start = 0, 1, 19
		fields := strings.Fields(rest)
		if len(fields) <= start || fields[parent] != strconv.Itoa(pid) || fields[state] == "Z" {
			continue
		}
		started, err := strconv.ParseUint(fields[start], 10, 64)
		if err == nil && runs(filepath.Base(filepath.Dir(file)), "worker") && (found == 0 || started < oldest) {
			oldest = started
			found, _ = strconv.Atoi(filepath.Base(filepath.Dir(file)))
		}
	}
	if found == 0 {
		return 0, fmt.Errorf("process %d has no worker", pid)
	}
	return found, nil
}

// runs tells whether a process is podview with that command.
func runs(pid, command string) bool {
	text, err := os.ReadFile("/proc/" + pid + "/cmdline")
	arguments := strings.Split(string(text), "\x00")
	return err == nil && len(arguments) > 1 && arguments[1] == command
}

// worker is the pid of the one that serves.
func (s *server) worker(t testing.TB) int {
	t.Helper()
	pid, err := atWork(s.cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// patient is for tests of what becomes of requests, on machines where an answer
// may take long: podview would show the host's file after three seconds.
const patient = "--read-deadline=0"

// TestWorkerIsKilled: nobody who reads sees that the worker dies, whatever it
// was doing.
func TestWorkerIsKilled(t *testing.T) {
	daemon := privateServe(t, patient)
	e := newEndurers(t, daemon.dir)
	e.control(t)
	e.start(t)
	kills := times(24, 1000) // in an emulated CPU one takes seconds
	e.kill(t, daemon, kills, 20*time.Millisecond)
	e.finish(t, fmt.Sprintf("%d kills", kills), kills)
}

// TestWorkerIsStopped: its readers wait, and get their answers when it goes on.
func TestWorkerIsStopped(t *testing.T) {
	daemon := privateServe(t)
	e := newEndurers(t, daemon.dir)
	e.start(t)
	worker := daemon.worker(t)
	for _, signal := range []unix.Signal{unix.SIGSTOP, unix.SIGCONT} {
		if err := unix.Kill(worker, signal); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
	}
	e.finish(t, "stopped for 5 s", 1)
	e.small.seesMemory(t, "afterwards", 100)
}

// TestWorkerCanNotStay: while no worker comes up, readers get the host's
// files, and containers their own again later.
func TestWorkerCanNotStay(t *testing.T) {
	daemon := privateServe(t)
	c := startIn(t, newGroup(t, podPath()+"/"+ctrName("b"), limits{memoryMiB: 100}), daemon.dir)
	c.seesMemory(t, "before", 100)
	stop := make(chan struct{})
	killed := make(chan int)
	go func() { // each worker, before it can answer
		n := 0
		for {
			select {
			case <-stop:
				killed <- n
				return
			default:
			}
			if worker, err := atWork(daemon.cmd.Process.Pid); err == nil && unix.Kill(worker, unix.SIGKILL) == nil {
				n++
			}
		}
	}()
	time.Sleep(time.Second)
	hosts := kernel().meminfo(t).kB["MemTotal"]
	for range 5 {
		if got := c.meminfo(t).kB["MemTotal"]; got != hosts && got != 100<<10 {
			t.Errorf("MemTotal %d kB, neither the container's nor the host's", got)
		}
	}
	close(stop)
	t.Logf("%d workers killed", <-killed)
	for deadline := time.Now().Add(serveTimeout); c.meminfo(t).kB["MemTotal"] != 100<<10; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the container's view did not come back")
		}
	}
}

// TestWorkerIsToldToEnd: SIGTERM, which a service manager may send to all of
// podview's processes, ends the worker and not the mount.
func TestWorkerIsToldToEnd(t *testing.T) {
	daemon := privateServe(t, patient)
	e := newEndurers(t, daemon.dir)
	e.start(t)
	worker := daemon.worker(t)
	if err := unix.Kill(worker, unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	daemon.says(t, "The worker died; starting another")
	time.Sleep(time.Second)
	e.finish(t, "SIGTERM to the worker", 10)
}
