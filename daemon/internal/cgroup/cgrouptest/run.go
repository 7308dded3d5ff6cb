package cgrouptest

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/podview/podview/daemon/internal/cgroup"
)

// run starts the container's init, a shell, and has it wait with the script
// until it is in its cgroups.
func (c *Container) run(script string) {
	c.t.Helper()
	MakeCgroup(c.t, c.Path)
	waiting, release, err := os.Pipe()
	if err != nil {
		c.t.Fatal(err)
	}
	defer release.Close()
	defer waiting.Close()
	if c.NextPID != 0 {
		write(c.t, lastPID, strconv.Itoa(c.NextPID-1))
	}
	c.init, err = os.StartProcess("/bin/sh", []string{"sh", "-c", "read go; " + script}, &os.ProcAttr{
		Files: []*os.File{waiting, os.Stdout, os.Stderr},
		Sys:   &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.PID = c.init.Pid
	MoveTo(c.t, c.PID, c.Path)
	if _, err := release.WriteString("go\n"); err != nil {
		c.t.Fatal(err)
	}
}

// lastPID is where the kernel counts on from; nothing holds other processes
// back from taking the number.
const lastPID = "/proc/sys/kernel/ns_last_pid"

// Stop kills the container and removes its cgroups.
func (c *Container) Stop() {
	if c.init != nil {
		_ = c.init.Kill()
		_, _ = c.init.Wait()
		c.init = nil
	}
	RemoveCgroup(c.Path)
}

// Processes waits until n processes are in the container's cgroup, and
// returns their pids.
func (c *Container) Processes(n int) []int {
	c.t.Helper()
	var text []byte
	for range 500 {
		text, _ = os.ReadFile(filepath.Join(c.Dir("cpuacct"), "cgroup.procs"))
		if strings.Count(string(text), "\n") == n {
			pids, err := cgroup.ParsePIDs(text, nil)
			if err != nil {
				c.t.Fatal(err)
			}
			return pids
		}
		time.Sleep(10 * time.Millisecond)
	}
	c.t.Fatalf("no %d processes in %s: %q", n, c.Path, text)
	return nil
}
