package conformance

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/paths"
)

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
// its files; its CPUs are those that it has now.
func everyFile(t testing.TB, c *container, mib, cpus int) map[string]string {
	t.Helper()
	if got := len(cpusOf(t, c.process)); got != cpus {
		t.Fatalf("%d CPUs, want %d", got, cpus)
	}
	want := procFiles(mib)
	for _, list := range []string{paths.CPUDir + "/online", paths.NodeDir + "/node0/cpulist"} {
		want[list] = c.read(t, list)
	}
	return want
}

func procFiles(mib int) map[string]string {
	return map[string]string{
		"/proc/meminfo": fmt.Sprintf("MemTotal:       %8d kB\n", mib<<10), "/proc/cpuinfo": "processor", "/proc/stat": "cpu ",
		"/proc/uptime": "", "/proc/loadavg": "", "/proc/diskstats": "", "/proc/swaps": "Filename",
	}
}

// endurers are containers of two sizes in which every file is read on and on.
type endurers struct {
	small, large *container
	cpus         int
	ends         map[string]func(testing.TB) Endured
}

func newEndurers(t *testing.T, view string) *endurers {
	t.Helper()
	return &endurers{
		cpus:  min(2, len(kernel().cpuinfo(t))),
		small: startIn(t, newGroup(t, podPath()+"/"+ctrName("b"), limits{memoryMiB: 100, cpuMilli: 1000}), view),
		large: startIn(t, newGroup(t, podPath()+"/"+ctrName("d"), limits{memoryMiB: 300, cpuMilli: 2000}), view),
	}
}

// start begins to read; finish ends that and checks what was read.
func (e *endurers) start(t testing.TB) {
	t.Helper()
	e.ends = map[string]func(testing.TB) Endured{
		"small": e.small.endure(everyFile(t, e.small, 100, 1)), "large": e.large.endure(everyFile(t, e.large, 300, e.cpus)),
	}
}

func (e *endurers) finish(t *testing.T, what string, atLeast int) {
	t.Helper()
	for name, end := range e.ends {
		got := end(t)
		t.Logf("%s, %s: %d reads: p50 %v, p99 %v, worst %v; %d problems", what, name, got.Reads,
			got.P50.Round(time.Microsecond), got.P99.Round(time.Microsecond), got.Worst.Round(time.Microsecond), len(got.Problems))
		if len(got.Problems) > 0 || got.Reads < atLeast {
			t.Errorf("%s, %s: %d reads, problems:\n%s", what, name, got.Reads, strings.Join(got.Problems, "\n"))
		}
	}
}

// endureDeaths is how many workers may die of one request here. Of more it is
// answered from the host, which a busy machine would show a slow reader.
const endureDeaths = 4

// kill kills the worker that serves, at some moment within that time.
func (e *endurers) kill(t *testing.T, daemon *server, kills int, within time.Duration) {
	t.Helper()
	for n := 0; n < kills; {
		if n%endureDeaths == 0 {
			e.answered(t)
		}
		e.small.read(t, "/proc/uptime") // some worker answers
		time.Sleep(rand.N(within))
		worker, err := atWork(daemon.cmd.Process.Pid)
		if err == nil && unix.Kill(worker, unix.SIGKILL) == nil {
			n++
		}
	}
}

// answered waits until every reader has had an answer.
func (e *endurers) answered(t *testing.T) {
	t.Helper()
	large := make(chan error, 1)
	go func() { large <- e.large.try("Answered", struct{}{}, &struct{}{}) }()
	err := e.small.try("Answered", struct{}{}, &struct{}{})
	if err = errors.Join(err, <-large); err != nil {
		t.Fatalf("readers without an answer: %v", err)
	}
}

// control reads without any fault, to compare with.
func (e *endurers) control(t *testing.T) {
	t.Helper()
	e.start(t)
	time.Sleep(time.Duration(times(2, 20)) * time.Second)
	e.finish(t, "control", 1)
}
