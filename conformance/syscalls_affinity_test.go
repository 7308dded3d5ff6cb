package conformance

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// affinityScript asks python for its CPUs, and prints them; then sets an
// affinity, and prints them again.
const affinityScript = `import os, sys
print(sorted(os.sched_getaffinity(0)))
os.sched_setaffinity(0, eval(sys.argv[1]))
print(sorted(os.sched_getaffinity(0)))`

func everyCPU() string {
	var all []string
	for cpu := range runtime.NumCPU() {
		all = append(all, fmt.Sprint(cpu))
	}
	return strings.Join(all, ", ")
}

// The CPUs that the files show, unless the program has
// asked for others itself.
func testSyscallAffinity(t *testing.T, s *server) {
	python := needProgram(t, "python3")
	c := startIn(t, newGroup(t, podPath()+"/"+ctrName("c"), limits{cpuMilli: 500}), s.dir)
	shown := cpusOf(t, c.process)
	if len(shown) != 1 {
		t.Fatalf("cpuinfo has CPUs %v", shown)
	}
	last := runtime.NumCPU() - 1
	for asked, want := range map[string]string{
		"{" + everyCPU() + "}":    "[" + everyCPU() + "]",
		fmt.Sprintf("{%d}", last): fmt.Sprintf("[%d]", last),
		"range(1024)":             "[" + everyCPU() + "]",
	} {
		printed := strings.Split(c.run(t, python, "-c", affinityScript, asked), "\n")
		if printed[0] != fmt.Sprint(shown) || printed[1] != want {
			t.Errorf("asked for %s: %q before, %q after; the files show %v", asked, printed[0], printed[1], shown)
		}
	}
	// A process that was started with a narrower mask.
	if got := c.run(t, needProgram(t, "taskset"), "-c", fmt.Sprint(last), needProgram(t, "python3"), "-c", "import os; print(os.sched_getaffinity(0))"); got != fmt.Sprintf("{%d}\n", last) {
		t.Errorf("started by taskset on CPU %d: %s", last, got)
	}
	cpuset := startIn(t, newGroup(t, podPath()+"/"+ctrName("d"), limits{cpuset: fmt.Sprint(last), cpuMilli: 5000}), s.dir)
	for _, arch := range both {
		if a := cpuset.ask(t, arch); fmt.Sprint(a.CPUs) != fmt.Sprintf("[%d]", last) {
			t.Errorf("cpuset %d, %s: %v", last, arch, a.CPUs)
		}
	}
}

// Programs that pin themselves to what they are
// told do not all land on one CPU, and a container is always told the same.
func testSyscallAffinitySpreads(t *testing.T, s *server) {
	told := map[int]int{}
	for range 16 {
		c := startIn(t, newGroup(t, podPath()+"/"+ctrName("c"), limits{cpuMilli: 1000}), s.dir)
		a, again := c.ask(t, "amd64"), c.ask(t, "386")
		if len(a.CPUs) != 1 || fmt.Sprint(a.CPUs) != fmt.Sprint(again.CPUs) {
			t.Fatalf("%v, then %v", a.CPUs, again.CPUs)
		}
		if shown := cpusOf(t, c.process); fmt.Sprint(a.CPUs) != fmt.Sprint(shown) {
			t.Errorf("told %v, the files show %v", a.CPUs, shown)
		}
		told[a.CPUs[0]]++
	}
	if t.Logf("containers by CPU: %v", told); len(told) < 2 {
		t.Errorf("16 containers of one CPU are all told %v", told)
	}
}

// TestSyscallCPUViewCpuset: the quota does not count then, in the files nor here.
func TestSyscallCPUViewCpuset(t *testing.T) {
	s := syscallServe(t, "--cpu-view=cpuset")
	c := startIn(t, newGroup(t, podPath()+"/"+ctrName("c"), limits{cpuMilli: 500}), s.dir)
	if a := c.ask(t, "amd64"); len(a.CPUs) != runtime.NumCPU() || len(cpusOf(t, c.process)) != runtime.NumCPU() {
		t.Errorf("%d CPUs, cpuinfo has %d, the machine %d", len(a.CPUs), len(cpusOf(t, c.process)), runtime.NumCPU())
	}
}
