package cgroups

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
)

// Run is one run's cgroups: one at the top of every hierarchy, in the place
// of kubepods, and all others below it.
type Run struct {
	machine *Machine
	top     string
	// making is held while a cgroup is made: between its mkdir and its limits
	// it is not ready for children.
	making sync.Mutex
}

const topPrefix = "podview-perf-"

// NewRun makes none yet. The pid is that of whoever will call Remove.
func (m *Machine) NewRun(pid int) *Run { return &Run{machine: m, top: topPrefix + strconv.Itoa(pid)} }

// Limits are a container's. Its pod has a little more memory, for the pause
// container.
type Limits struct {
	MemoryMiB int
	MilliCPU  int
}

const (
	podMoreMiB    = 32
	cpuPeriodUsec = 100_000
)

// Container is a container's cgroup.
type Container struct{ dirs []string }

// Container makes the number-th container, in a pod of its own.
func (r *Run) Container(number int, l Limits) (*Container, error) {
	pod := fmt.Sprintf("%s/burstable/pod%08d-4bbb-4de3-8dbf-3b8bbd5dc689", r.top, number)
	path := fmt.Sprintf("%s/%064x", pod, number+1)
	c := &Container{}
	r.making.Lock()
	defer r.making.Unlock()
	for _, hierarchy := range r.machine.all {
		if err := r.machine.make(hierarchy, path); err != nil {
			return nil, err
		}
		c.dirs = append(c.dirs, filepath.Join(hierarchy, path))
	}
	podLimits := l
	podLimits.MemoryMiB += podMoreMiB
	if err := r.limit(pod, podLimits); err != nil {
		return nil, err
	}
	return c, r.limit(path, l)
}

func (r *Run) limit(path string, l Limits) error {
	quota := strconv.Itoa(l.MilliCPU * cpuPeriodUsec / 1000)
	bytes := strconv.Itoa(l.MemoryMiB << 20)
	m := r.machine
	if m.v2() {
		dir := filepath.Join(m.unified, path)
		if err := write(dir, "memory.max", bytes); err != nil {
			return err
		}
		return write(dir, "cpu.max", quota+" "+strconv.Itoa(cpuPeriodUsec))
	}
	if err := write(filepath.Join(m.v1["memory"], path), "memory.limit_in_bytes", bytes); err != nil {
		return err
	}
	return write(filepath.Join(m.v1["cpu"], path), "cpu.cfs_quota_us", quota)
}

// Favour gives the containers together the share of the CPUs that the kubelet
// gives kubepods. A cgroup has one CPU's worth by default, however many
// containers are in it.
func (r *Run) Favour() error {
	m := r.machine
	for _, hierarchy := range m.all {
		if err := m.make(hierarchy, r.top); err != nil {
			return err
		}
	}
	if m.v2() {
		return write(filepath.Join(m.unified, r.top), "cpu.weight", strconv.Itoa(min(100*runtime.NumCPU(), 10_000)))
	}
	return write(filepath.Join(m.v1["cpu"], r.top), "cpu.shares", strconv.Itoa(1024*runtime.NumCPU()))
}

// Add moves a process in.
func (c *Container) Add(pid int) error {
	for _, dir := range c.dirs {
		if err := write(dir, "cgroup.procs", strconv.Itoa(pid)); err != nil {
			return fmt.Errorf("move process %d: %w", pid, err)
		}
	}
	return nil
}

// Account counts the CPU time of a server's processes, to the nanosecond and
// with those that have ended.
type Account struct {
	dir string
	v2  bool
}

// Account makes one. On v1 it is in no other hierarchy than that of CPU
// accounting, so the scheduler treats the server as it would without.
func (r *Run) Account(name string) (*Account, error) {
	m := r.machine
	hierarchy := m.unified
	if !m.v2() {
		hierarchy = m.v1["cpuacct"]
	}
	path := r.top + "/servers/" + name
	return &Account{filepath.Join(hierarchy, path), m.v2()}, m.make(hierarchy, path)
}

// Add moves a process in; those that it starts will be there too.
func (a *Account) Add(pid int) error { return write(a.dir, "cgroup.procs", strconv.Itoa(pid)) }

// CPUNsec is the CPU time used so far.
func (a *Account) CPUNsec() (int64, error) {
	if !a.v2 {
		text, err := os.ReadFile(filepath.Join(a.dir, "cpuacct.usage"))
		if err != nil {
			return 0, err
		}
		return strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	}
	text, err := os.ReadFile(filepath.Join(a.dir, "cpu.stat"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "usage_usec "); ok {
			usec, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
			return usec * 1000, err
		}
	}
	return 0, fmt.Errorf("%s/cpu.stat has no usage_usec", a.dir)
}

// Processes are the server's, as they are now.
func (a *Account) Processes() ([]int, error) { return processes(a.dir) }

func processes(dir string) (pids []int, err error) {
	text, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	for field := range strings.FieldsSeq(string(text)) {
		if pid, err := strconv.Atoi(field); err == nil && pid > 0 { // 0: not in our namespace
			pids = append(pids, pid)
		}
	}
	return pids, err
}
