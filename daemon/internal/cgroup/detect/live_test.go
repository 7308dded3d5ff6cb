package detect

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/cgroup/cgrouptest"
	"github.com/podview/podview/daemon/internal/host"
)

const mib = 1 << 20

// A cgroup with an inner one on the machine's own kernel, v1 or v2: what is
// set and used there must be what is read.
func TestLive(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to make cgroups")
	}
	if mounts, err := os.ReadDir("/sys/fs/cgroup"); len(mounts) == 0 {
		t.Skip("no cgroups here", err)
	}
	h, _, err := Open(host.Root{Proc: "/proc", Sys: "/sys", Cgroup: "/sys/fs/cgroup"}, "auto", cgrouptest.Files())
	if err != nil {
		t.Fatal(err)
	}
	root := fmt.Sprintf("/podview-test-%d", os.Getpid())
	p := cgroup.Place{Leaf: root + "/inner", Root: root}
	remove := []func(){}
	for _, key := range slices.Compact(keys(h)) {
		if key == "none" {
			t.Skip("not all controllers are mounted")
		}
		remove = append(remove, makeCgroups(t, p, key))
	}
	setLimits(t, p, h)
	pid, stop := run(t, p, h)

	var m cgroup.Memory
	if err := cgrouptest.Memory(h.Memory.Source, p, false, &m); err != nil {
		t.Error(err)
	}
	if m.LimitBytes != 64*mib || m.UsageBytes < 8*mib || m.UsageBytes > 64*mib || m.Stat.FileBytes < 8*mib {
		t.Errorf("memory limited to 64 MiB, 8 MiB of it a file's: %+v", m)
	}
	if m.SwapAccounted && m.SwapLimitBytes != 32*mib {
		t.Errorf("swap limited to 32 MiB: got %d", m.SwapLimitBytes)
	}
	var limit cgroup.CPULimit
	if err := h.CPU.Source.CPULimit(p, &limit); err != nil || limit != (cgroup.CPULimit{QuotaUsec: 60000, PeriodUsec: 50000}) {
		t.Errorf("60000/50000 CPUs in 150000/100000: got %+v, error %v", limit, err)
	}
	if cpus, err := h.CPUSet.Source.CPUs(p, nil); err != nil || !slices.Equal(cpus, []int{0}) {
		t.Errorf("cpuset 0: got %v, error %v", cpus, err)
	}
	var used cgroup.CPUTime
	if err := h.CPUAcct.Source.CPUTime(p, &used); err != nil || used.UserNsec+used.SystemNsec == 0 {
		t.Errorf("CPU time of a busy process: got %+v, error %v", used, err)
	}
	if _, err := h.IO.Source.IO(p, nil); err != nil {
		t.Error(err)
	}
	if pids, err := h.CPUAcct.Source.Processes(p, nil); err != nil || !slices.Equal(pids, []int{pid}) {
		t.Errorf("processes: got %v, error %v, want %d", pids, err, pid)
	}
	if id, err := h.CPUAcct.Source.ID(p); err != nil || id == 0 {
		t.Errorf("ID: got %d, error %v", id, err)
	}
	stop()
	for _, f := range remove {
		f()
	}
	if err := cgrouptest.Memory(h.Memory.Source, p, false, &m); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removed cgroup: got error %v", err)
	}
}

// mount is the directory of an Attached's hierarchy.
func mount(key string) string {
	if key == "unified" || key == "" {
		return "/sys/fs/cgroup"
	}
	return "/sys/fs/cgroup/" + key
}

func makeCgroups(t *testing.T, p cgroup.Place, key string) (remove func()) {
	t.Helper()
	outer, inner := mount(key)+p.Root, mount(key)+p.Leaf
	remove = func() {
		os.Remove(inner)
		if err := os.Remove(outer); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	}
	t.Cleanup(remove)
	for _, dir := range []string{outer, inner} {
		if key == "unified" {
			set(t, filepath.Dir(dir), "cgroup.subtree_control", "+memory +cpu +cpuset +io")
		}
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return remove
}

// setLimits makes the outer cgroup the tighter one for memory and the CPUs,
// the inner one for CPU time.
func setLimits(t *testing.T, p cgroup.Place, h cgroup.Hierarchies) {
	t.Helper()
	outer := func(a cgroup.Attached) string { return mount(a.Key) + p.Root }
	inner := func(a cgroup.Attached) string { return mount(a.Key) + p.Leaf }
	if h.Memory.Key == "" {
		set(t, outer(h.Memory), "memory.max", fmt.Sprint(64*mib))
		setIfThere(t, outer(h.Memory), "memory.swap.max", fmt.Sprint(32*mib))
		set(t, inner(h.Memory), "memory.max", fmt.Sprint(128*mib))
	} else {
		set(t, outer(h.Memory), "memory.limit_in_bytes", fmt.Sprint(64*mib))
		setIfThere(t, outer(h.Memory), "memory.memsw.limit_in_bytes", fmt.Sprint(96*mib))
		set(t, inner(h.Memory), "memory.limit_in_bytes", fmt.Sprint(128*mib))
	}
	if h.CPU.Key == "" {
		set(t, outer(h.CPU), "cpu.max", "150000 100000")
		set(t, inner(h.CPU), "cpu.max", "60000 50000")
	} else {
		set(t, outer(h.CPU), "cpu.cfs_quota_us", "150000")
		set(t, inner(h.CPU), "cpu.cfs_period_us", "50000")
		set(t, inner(h.CPU), "cpu.cfs_quota_us", "60000")
	}
	set(t, outer(h.CPUSet), "cpuset.cpus", "0")
}

func setIfThere(t *testing.T, dir, file, text string) {
	t.Helper()
	if exists(dir, file) {
		set(t, dir, file, text)
	}
}

func set(t *testing.T, dir, file, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0); err != nil {
		t.Fatal(err)
	}
}

// run starts a process in the inner cgroup that has written a file of 8 MiB
// and been busy for a while; then it waits.
func run(t *testing.T, p cgroup.Place, h cgroup.Hierarchies) (pid int, stop func()) {
	t.Helper()
	var script strings.Builder
	for _, a := range []cgroup.Attached{h.Memory, h.CPUAcct} {
		fmt.Fprintf(&script, "echo $$ > %s%s/cgroup.procs\n", mount(a.Key), p.Leaf)
	}
	file := filepath.Join(t.TempDir(), "file")
	fmt.Fprintf(&script, "head -c %d /dev/zero > %s\n", 8*mib, file)
	script.WriteString("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done\necho ready; read end")
	cmd := exec.Command("sh", "-ec", script.String())
	cmd.Stderr = os.Stderr
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop = func() {
		if !stopped {
			stdin.Close()
			cmd.Wait()
			stopped = true
		}
	}
	t.Cleanup(stop)
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the process in the cgroup said %q, error %v", line, err)
	}
	return cmd.Process.Pid, stop
}
