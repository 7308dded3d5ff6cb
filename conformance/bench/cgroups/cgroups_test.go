package cgroups

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	const head = "30 20 0:25 / "
	v1 := head + "/c/memory rw - cgroup cgroup rw,memory\n" + head + "/c/cpu,cpuacct rw shared:3 - cgroup cgroup rw,cpu,cpuacct\n" +
		head + "/proc rw - proc proc rw\n"
	m := parse(v1)
	if m.v2() || m.Version() != "v1" || m.v1["cpuacct"] != "/c/cpu,cpuacct" || m.v1["memory"] != "/c/memory" || len(m.all) != 2 {
		t.Errorf("v1: %+v", m)
	}
	unified := head + "/c/unified rw - cgroup2 cgroup2 rw\n"
	if m := parse(v1 + unified); m.v2() || m.Version() != "v1 (cgroup2 beside)" || len(m.all) != 3 {
		t.Errorf("hybrid: %+v", m)
	}
	if m := parse(unified); !m.v2() || m.Version() != "v2" || m.unified != "/c/unified" {
		t.Errorf("v2: %+v", m)
	}
}

// live makes a run on this machine's kernel, gone with the test.
func live(t *testing.T) *Run {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("making cgroups needs root")
	}
	m, err := Open()
	if err != nil {
		t.Skip(err)
	}
	r := m.NewRun(os.Getpid())
	t.Cleanup(func() {
		if err := r.Remove(); err != nil {
			t.Error(err)
		}
	})
	if err := r.Favour(); err != nil {
		t.Fatal(err)
	}
	return r
}

func start(t *testing.T, argv ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd
}

func TestContainerIsKilledAndRemoved(t *testing.T) {
	r := live(t)
	c, err := r.Container(7, Limits{MemoryMiB: 64, MilliCPU: 1500})
	if err != nil {
		t.Fatal(err)
	}
	sleeper := start(t, "sleep", "1000")
	if err := c.Add(sleeper.Process.Pid); err != nil {
		t.Fatal(err)
	}
	its, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(sleeper.Process.Pid), "cgroup"))
	if n := strings.Count(string(its), "/"+r.top+"/burstable/pod"); err != nil || n != len(r.machine.all) {
		t.Errorf("in %d cgroups of the run, want %d (%v)\n%s", n, len(r.machine.all), err, its)
	}
	ended := make(chan error, 1)
	go func() { ended <- sleeper.Wait() }()
	if err := r.RemoveContainers(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("the process ended with %v", err)
	}
	for _, dir := range c.dirs {
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s is left", dir)
		}
	}
}

func TestAccountCountsChildrenThatEnded(t *testing.T) {
	r := live(t)
	a, err := r.Account("test")
	if err != nil {
		t.Fatal(err)
	}
	before, err := a.CPUNsec()
	if err != nil || before != 0 {
		t.Fatalf("%d ns before anything ran (%v)", before, err)
	}
	// The loop runs in a child of the shell that is waited for.
	cmd := exec.Command("sh", "-c", "read go; (i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done); true")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := a.Add(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	if pids, err := a.Processes(); err != nil || len(pids) != 1 || pids[0] != cmd.Process.Pid {
		t.Errorf("processes %v, %v; want %d", pids, err, cmd.Process.Pid)
	}
	_, _ = in.Write([]byte("\n"))
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if used, err := a.CPUNsec(); err != nil || used < int64(time.Millisecond) {
		t.Errorf("%d ns for 20000 turns of a loop (%v)", used, err)
	}
}
