package conformance

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// capabilityLines are those of a status, by name.
func capabilityLines(t *testing.T, status string) map[string]uint64 {
	t.Helper()
	sets := map[string]uint64{}
	for _, name := range []string{"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"} {
		var set uint64
		if _, err := fmt.Sscanf(linesWith(status, name+":"), name+": %x", &set); err != nil {
			t.Fatalf("%s: %v in %q", name, err, status)
		}
		sets[name] = set
	}
	return sets
}

// TestProcessesAreConfined: each of podview's but the holder has given up what
// it does not need, on all threads.
func TestProcessesAreConfined(t *testing.T) {
	needRoot(t)
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	own := capabilityLines(t, string(status))
	s := privateServe(t, "--probe-address", freeAddress(t), "--metrics-address", freeAddress(t))
	s.says(t, "Serving")
	confined := func(pid int, keeps uint64) (threads int, problem string) {
		tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		for _, task := range tasks {
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/status", pid, task.Name()))
			if err != nil {
				continue // it has ended
			}
			threads++
			got := capabilityLines(t, string(status))
			for name, all := range map[string]uint64{"CapInh": 0, "CapPrm": own["CapPrm"], "CapEff": own["CapPrm"], "CapBnd": own["CapBnd"], "CapAmb": 0} {
				if want := all & keeps; got[name] != want {
					return threads, fmt.Sprintf("%s %x, not %x", name, got[name], want)
				}
			}
			for _, line := range []string{"NoNewPrivs:\t1\n", "Seccomp:\t2\n"} {
				if !strings.Contains(string(status), line) {
					return threads, fmt.Sprintf("no %q", line)
				}
			}
		}
		return threads, ""
	}
	const readsAll = 1 << unix.CAP_DAC_READ_SEARCH
	for command, role := range map[string]struct {
		processes int
		keeps     uint64
	}{
		"worker": {2, 1<<unix.CAP_SYS_PTRACE | readsAll}, // one on standby
		"probes": {1, 0},
		"guard":  {1, 1<<unix.CAP_SYS_ADMIN | readsAll},
	} {
		said := ""
		eventually(t, command+" to be confined", func() bool {
			found := 0
			for _, child := range childrenOf(s.cmd.Process.Pid) {
				if !runs(fmt.Sprint(child), command) {
					continue
				}
				threads, problem := confined(child, role.keeps)
				if problem != said {
					said = problem
					t.Logf("%s: %q", command, problem)
				}
				if threads > 0 && problem == "" {
					found++
				}
			}
			return found == role.processes
		})
	}
}

// Hide makes the agent another user's, and such that only those who may trace
// it can look at it.
func (a *Agent) Hide(uid int, _ *struct{}) error {
	if err := syscall.Setuid(uid); err != nil {
		return fmt.Errorf("setuid: %w", err)
	}
	return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}

// TestHiddenContainer: one that shows itself to nobody sees its own figures
// all the same, and so does one that owns its cgroups and has closed them.
func TestHiddenContainer(t *testing.T) {
	const uid, limitMiB = 65534, 96
	c := startContainer(t, limits{memoryMiB: limitMiB})
	c.call(t, "Hide", uid, &struct{}{})
	c.seesMemory(t, "hidden", limitMiB)

	c = startContainer(t, limits{memoryMiB: limitMiB})
	h, err := machine()
	if err != nil {
		t.Fatal(err)
	}
	for _, hierarchy := range h.all {
		dir := filepath.Join(hierarchy, c.group.path)
		files, err := filepath.Glob(dir + "/*")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range append(files, dir) {
			if err := errors.Join(os.Chown(file, uid, uid), os.Chmod(file, 0o700)); err != nil {
				t.Fatal(err)
			}
		}
	}
	c.call(t, "Hide", uid, &struct{}{})
	c.seesMemory(t, "with closed cgroups", limitMiB)
}
