package conformance

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const bothCalls = "--syscalls=sysinfo,affinity"

// stormed is what a container's storm of calls saw.
func (p *process) stormed(t *testing.T, rounds int) (seen map[string]int) {
	t.Helper()
	seen, err := p.storm(asker(t, "amd64"), rounds)
	if err != nil {
		t.Fatal(err)
	}
	return seen
}

// storm is for other goroutines than the test's own, which must not end it.
func (p *process) storm(asker string, rounds int) (seen map[string]int, err error) {
	var out Output
	if err := p.try("Run", []string{asker, "storm", fmt.Sprint(rounds)}, &out); err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(out.Stdout), &seen); err != nil {
		return nil, fmt.Errorf("exit code %d: %w\n%s%s", out.Code, err, out.Stdout, out.Stderr)
	}
	return seen, nil
}

// inTime skips where the kernel took longer to attach or to detach than podview
// waits for it: what is answered then is not told.
func (s *server) inTime(t *testing.T) *server {
	t.Helper()
	for line := range strings.Lines(s.stderr.String()) {
		if strings.Contains(line, "kernel does not get done with") {
			t.Skipf("this machine is too slow: %s", strings.TrimSpace(line))
		}
	}
	return s
}

// TestSyscallsSurvive: every answer is right while daemons are killed, follow
// one another, and hand over; when the last one leaves in good order, nothing
// of podview answers any more.
func TestSyscallsSurvive(t *testing.T) {
	needSyscalls(t)
	binary, dir := podviewBinary(t), filepath.Join(t.TempDir(), "view")
	last := serveOn(t, dir, bothCalls).inTime(t)
	c := startIn(t, newGroup(t, podPath()+"/"+ctrName("c"), limits{memoryMiB: 192, cpuMilli: 1000}), dir)
	const right = "192 MiB, 1 CPUs"
	stop, storm := make(chan struct{}), make(chan map[string]int, 1)
	asker := asker(t, "amd64")
	go func() {
		all := map[string]int{}
		for ended := false; !ended; {
			seen, err := c.storm(asker, 500) // not for long, on a slow machine
			for answer, n := range seen {
				all[answer] += n
			}
			select {
			case <-stop:
				ended = true
			default:
				ended = err != nil
			}
			if err != nil {
				all[err.Error()]++
			}
		}
		storm <- all
	}()
	for range times(2, 30) {
		next := succeed(t, binary, dir, bothCalls).inTime(t)
		last.endStandby(t)
		crash(t, next)
		last = serveOn(t, dir, bothCalls).inTime(t)
	}
	close(stop)
	seen := <-storm
	if t.Logf("answers: %v", seen); len(seen) != 1 || seen[right] == 0 {
		t.Errorf("answers: %v", seen)
	}
	if err := last.stop(); err != nil {
		t.Error(err)
	}
	last.inTime(t)
	if left := leftInBPFFS(); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	if seen := c.stormed(t, 10); len(seen) != 1 || seen[right] != 0 {
		t.Errorf("after the last podview has left: %v", seen)
	}
}

// TestSyscallsLeaveMounted: as in a cluster, where the containers keep what
// they have until a successor comes. One that was not asked for them ends them.
func TestSyscallsLeaveMounted(t *testing.T) {
	needSyscalls(t)
	dir := filepath.Join(t.TempDir(), "view")
	first := serveOn(t, dir, bothCalls, "--leave-mounted").inTime(t)
	c := startIn(t, newGroup(t, podPath()+"/"+ctrName("c"), limits{memoryMiB: 192, cpuMilli: 1000}), dir)
	if err := first.terminate(); err != nil {
		t.Fatal(err)
	}
	if a := c.ask(t, "amd64"); a.TotalRAM != 192<<20 || len(a.CPUs) != 1 {
		t.Errorf("after SIGTERM with --leave-mounted: %+v", a)
	}
	second := serveOn(t, dir, "--syscalls=sysinfo")
	second.says(t, "Serving")
	second.inTime(t)
	if a := c.ask(t, "amd64"); a.TotalRAM != 192<<20 || len(a.CPUs) == 1 {
		t.Errorf("with --syscalls=sysinfo alone: %+v", a)
	}
	if err := second.stop(); err != nil {
		t.Error(err)
	}
	second.inTime(t)
	if left := leftInBPFFS(); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// bpfFiles is how many files of the kernel's BPF a process has open.
func bpfFiles(t *testing.T, pid int) (n int) {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil || len(files) == 0 {
		t.Fatalf("process %d has %d files (%v)", pid, len(files), err)
	}
	for _, file := range files {
		if target, _ := os.Readlink(file); strings.Contains(target, "bpf") {
			n++
		}
	}
	return n
}

// TestSyscallsUnpinned: without a BPF file system they end with the daemon. A
// process beside the one that holds the mount has them, and is replaced.
func TestSyscallsUnpinned(t *testing.T) {
	needSyscalls(t)
	dir := filepath.Join(t.TempDir(), "view")
	s := serveOn(t, dir, bothCalls, "--bpffs", t.TempDir())
	s.says(t, "No BPF file system")
	c := startIn(t, newGroup(t, podPath()+"/"+ctrName("c"), limits{memoryMiB: 192}), dir)
	if a := c.ask(t, "amd64"); a.TotalRAM != 192<<20 {
		t.Errorf("%+v", a)
	}
	has := s.child(t, "syscalls-attach")
	if holder, n := bpfFiles(t, s.cmd.Process.Pid), bpfFiles(t, has); holder != 0 || n == 0 {
		t.Errorf("the holder has %d BPF files open, the process for it %d", holder, n)
	}
	if err := unix.Kill(has, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the system calls after the death of the process that has them", func() bool {
		return s.child(t, "syscalls-attach") != has && c.ask(t, "amd64").TotalRAM == 192<<20
	})
	crash(t, s)
	// The process that has them may take a moment longer than the holder.
	eventually(t, "the end of the system calls", func() bool { return c.ask(t, "amd64").TotalRAM != 192<<20 })
}

// TestSyscallsDemo is what the documentation shows.
func TestSyscallsDemo(t *testing.T) {
	needSyscalls(t)
	for _, test := range []struct{ flags, command, want string }{
		{bothCalls + " --memory 128Mi --cpus 1 --", "busybox free -m", "Mem:            128 "},
		{bothCalls + " --memory 128Mi --cpus 500m --", "nproc", "1\n"},
	} {
		program := append(strings.Fields(test.flags), strings.Fields(test.command)...)
		needProgram(t, strings.Fields(test.command)[0])
		if stdout, stderr, code := demo(t, program...); code != 0 || !strings.Contains(stdout, test.want) {
			t.Errorf("%q: exit code %d\n%s%s", program, code, stdout, stderr)
		}
		if stdout, _, code := demo(t, program[1:]...); code != 0 || strings.Contains(stdout, test.want) {
			t.Errorf("without --syscalls %q: exit code %d\n%s", program[1:], code, stdout)
		}
	}
}

// TestSyscallsWhereTheKernelCannot: the daemon says so, and serves the view.
func TestSyscallsWhereTheKernelCannot(t *testing.T) {
	needRoot(t)
	report, _, code := runHere(t, exec.Command(podviewBinary(t), "doctor"))
	if code != 0 {
		t.Errorf("doctor: exit code %d\n%s", code, report)
	}
	if !strings.Contains(report, "unfit  --syscalls=sysinfo: ") {
		t.Skip("this kernel can")
	}
	metrics := freeAddress(t)
	s := privateServe(t, bothCalls, "--metrics-address", metrics)
	s.says(t, "Serving")
	if said := strings.Count(s.stderr.String(), "Containers get the host's answers to system calls"); said != 1 {
		t.Errorf("said %d times why\n%s", said, &s.stderr)
	}
	c := startIn(t, newGroup(t, podPath()+"/"+ctrName("b"), limits{memoryMiB: 100}), s.dir)
	c.seesMemory(t, "a container", 100)
	for _, call := range []string{"sysinfo", "affinity"} {
		if _, text := get(t, "http://"+metrics+"/metrics"); !strings.Contains(text, fmt.Sprintf("podview_syscalls{feature=%q} 0", call)) {
			t.Errorf("no metric for %s\n%s", call, text)
		}
	}
	_, stderr, _ := demo(t, bothCalls, "--memory", "64Mi", "--", "true")
	if !strings.Contains(stderr, "--syscalls is off") {
		t.Errorf("demo says %q", stderr)
	}
}
