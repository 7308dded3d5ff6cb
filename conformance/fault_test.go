package conformance

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// faultKills is how often the worker is killed: make soak sets SOAK=1.
func faultKills() int {
	if os.Getenv("SOAK") != "" {
		return 1000
	}
	return 60
}

// atWork returns the oldest child of a process: the worker that serves, where
// a younger one waits to take its place.
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
		if err == nil && (found == 0 || started < oldest) {
			oldest = started
			found, _ = strconv.Atoi(filepath.Base(filepath.Dir(file)))
		}
	}
	if found == 0 {
		return 0, fmt.Errorf("process %d has no child", pid)
	}
	return found, nil
}

// endure starts reading all files in a container; the function it returns
// ends that, and says what was read.
func (c *container) endure(want map[string]string) (end func(t testing.TB) Endured) {
	var out Endured
	call := c.conn.Go("Agent.Endure", Endure{want}, &out, nil)
	return func(t testing.TB) Endured {
		t.Helper()
		c.call(t, "Rest", struct{}{}, &struct{}{})
		if done := <-call.Done; done.Error != nil {
			t.Error(done.Error)
		}
		return out
	}
}

// everyFile is what a container of that size must find at the beginning of
// its files.
func everyFile(mib, cpus int) map[string]string {
	online := "0\n"
	if cpus > 1 {
		online = fmt.Sprintf("0-%d\n", cpus-1)
	}
	return map[string]string{
		"/proc/meminfo": fmt.Sprintf("MemTotal:       %8d kB\n", mib<<10), "/proc/cpuinfo": "processor", "/proc/stat": "cpu ",
		"/proc/uptime": "", "/proc/loadavg": "", "/proc/diskstats": "", "/proc/swaps": "Filename",
		"/sys/devices/system/cpu/online": online, "/sys/devices/system/node/node0/cpulist": online,
	}
}

// TestWorkerIsKilled: nobody who reads sees that the worker dies, whatever it
// was doing.
func TestWorkerIsKilled(t *testing.T) {
	daemon := privateServe(t)
	cpus := min(2, len(kernel().cpuinfo(t)))
	small := startIn(t, newGroup(t, podPath()+"/"+ctrName("b"), limits{memoryMiB: 100, cpuMilli: 1000}), daemon.dir)
	large := startIn(t, newGroup(t, podPath()+"/"+ctrName("d"), limits{memoryMiB: 300, cpuMilli: 2000}), daemon.dir)
	ends := map[string]func(testing.TB) Endured{"small": small.endure(everyFile(100, 1)), "large": large.endure(everyFile(300, cpus))}

	start := time.Now()
	for range faultKills() {
		small.read(t, "/proc/uptime") // some worker answers
		time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
		worker, err := atWork(daemon.cmd.Process.Pid)
		if err != nil {
			time.Sleep(time.Millisecond) // between two workers
			continue
		}
		if err := unix.Kill(worker, unix.SIGKILL); err != nil && err != unix.ESRCH {
			t.Fatal(err)
		}
	}
	for name, end := range ends {
		got := end(t)
		t.Logf("%s: %d reads in %v with %d kills: p50 %v, p99 %v, worst %v", name, got.Reads, time.Since(start).Round(time.Millisecond), faultKills(), got.P50, got.P99, got.Worst)
		if len(got.Problems) > 0 || got.Reads < faultKills() {
			t.Errorf("%s: %d reads, problems:\n%s", name, got.Reads, strings.Join(got.Problems, "\n"))
		}
	}
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
