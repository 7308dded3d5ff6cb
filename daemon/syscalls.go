package main

import (
	"flag"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"k8s.io/klog/v2"

	"github.com/podview/podview/daemon/internal/metrics"
	"github.com/podview/podview/daemon/internal/syscallview"
	"github.com/podview/podview/daemon/internal/view"
)

// defaultBPFFS is where systemd mounts it.
const defaultBPFFS = "/sys/fs/bpf"

// syscallFlags are those of package syscallview.
type syscallFlags struct {
	list, bpffs string
	// on is what the holder could attach, for the worker to know.
	on string
}

func (f *syscallFlags) register(flags *flag.FlagSet) {
	flags.StringVar(&f.list, "syscalls", "", "system calls that tell containers with the view their own figures, too: sysinfo, affinity or both, with a comma; where the kernel can't, they are off")
	flags.StringVar(&f.bpffs, "bpffs", defaultBPFFS, "the BPF file system that keeps --syscalls in effect while podview is replaced; without one mounted there it ends with podview")
	flags.StringVar(&f.on, "syscalls-attached", "", "set by podview serve for its workers")
}

func (f *syscallFlags) validate() error {
	for name, list := range map[string]string{"syscalls": f.list, "syscalls-attached": f.on} {
		if _, err := syscallview.Parse(list); err != nil {
			return fmt.Errorf("--%s: %w", name, err)
		}
	}
	return nil
}

// attachedCalls are the programs that this process has attached.
type attachedCalls struct {
	config   *serveConfig
	features []syscallview.Feature
	// pending: the kernel is still at it, and nothing is known.
	pending  bool
	programs []*syscallview.Attached
}

// attachPatience is how long the files wait for the system calls. Attaching and
// detaching take a second or two, but the kernel waits in it for every task of
// the node, and before Linux 6.9 that can be for ever: while the init of a pid
// namespace waits for one of its processes to end (commit 1612160b9127).
const attachPatience = 30 * time.Second

// attachSyscalls attaches what --syscalls names. What can't be is said once,
// and left to the kernel.
func attachSyscalls(c *serveConfig) *attachedCalls {
	wanted, _ := syscallview.Parse(c.syscalls.list) // validated
	if len(wanted) == 0 {
		return &attachedCalls{config: c}
	}
	calls, ok := within(attachPatience, func() *attachedCalls {
		calls := &attachedCalls{config: c}
		if err := calls.attach(wanted); err != nil {
			klog.ErrorS(err, "Containers get the host's answers to system calls", "syscalls", c.syscalls.list)
		}
		return calls
	})
	if !ok {
		klog.ErrorS(nil, "The kernel does not get done with attaching; serving the files without waiting", "waited", attachPatience, "syscalls", c.syscalls.list)
		calls = &attachedCalls{config: c, pending: true}
	}
	// The kernel's types took some 30 MB, which this process would keep.
	debug.FreeOSMemory()
	return calls
}

// within is what f returns, if it does in that time. Else f goes on for itself.
func within[T any](patience time.Duration, f func() T) (result T, ok bool) {
	done := make(chan T, 1)
	go func() { done <- f() }()
	select {
	case result = <-done:
		return result, true
	case <-time.After(patience):
		return result, false
	}
}

func (a *attachedCalls) attach(wanted []syscallview.Feature) error {
	kernel, err := syscallview.Open()
	if err != nil {
		return err
	}
	config := a.config.syscallConfig()
	config.Order = a.config.root.CPUOrder()
	if config.PinDir == "" {
		klog.InfoS("No BPF file system; --syscalls ends with this process, and an update of podview has a gap", "bpffs", a.config.syscalls.bpffs)
	}
	for _, f := range wanted {
		programs, err := kernel.Attach(f, config)
		if err != nil {
			klog.ErrorS(err, "Containers get the host's answers to this system call", "syscalls", f)
			continue
		}
		klog.InfoS("Containers with the view get their own answers to this system call", "syscalls", f, "pinned", config.PinDir != "")
		a.features = append(a.features, f)
		a.programs = append(a.programs, programs)
	}
	return nil
}

func (c *serveConfig) syscallConfig() syscallview.Config {
	config := syscallview.Config{
		Proc: c.root.Proc, ByQuota: c.cpuView == "quota", FirstCPUs: c.cpuChoice == "first",
	}
	if syscallview.IsBPFFS(c.syscalls.bpffs) {
		config.PinDir = syscallview.PinDir(c.syscalls.bpffs, c.mount)
	}
	return config
}

// workerArguments tells the workers, whose metrics say it.
func (a *attachedCalls) workerArguments(args []string) []string {
	var on []string
	for _, f := range a.features {
		on = append(on, string(f))
	}
	return append(append([]string{}, args...), "--syscalls-attached="+strings.Join(on, ","))
}

// replaced removes what an earlier podview had pinned for this mount, and this
// one was not asked for.
func (a *attachedCalls) replaced() {
	if a.pending {
		return
	}
	if err := a.config.unpin(a.features...); err != nil {
		klog.ErrorS(err, "System calls of an earlier podview are still answered")
	}
}

func (a *attachedCalls) close() {
	for _, p := range a.programs {
		p.Close()
	}
}

// detachSyscalls is for whoever takes the mount away.
func (c *serveConfig) detachSyscalls() {
	if err := c.unpin(); err != nil {
		klog.ErrorS(err, "System calls are still answered for containers that have the view")
	}
}

// unpin detaches all that is pinned for this mount, but for some.
func (c *serveConfig) unpin(except ...syscallview.Feature) error {
	dir := c.syscallConfig().PinDir
	if dir == "" {
		return nil
	}
	err, ok := within(attachPatience, func() error { return syscallview.Unpin(dir, except...) })
	if !ok {
		return fmt.Errorf("the kernel does not get done with detaching what %s has pinned; waited %v", dir, attachPatience)
	}
	return err
}

// report shows in the metrics what the holder has attached.
func (f *syscallFlags) report(m *metrics.Metrics) {
	on, _ := syscallview.Parse(f.on)
	wanted, _ := syscallview.Parse(f.list)
	for _, call := range wanted {
		m.Syscall(string(call), false)
	}
	for _, call := range on {
		m.Syscall(string(call), true)
	}
}

// loadPublisher is for the load averages that sysinfo tells; nil where it does
// not.
func (c *serveConfig) loadPublisher() func(cgroup uint64, averages [3]uint64, nowNsec uint64) {
	on, _ := syscallview.Parse(c.syscalls.on)
	dir := c.syscallConfig().PinDir
	if dir == "" || !slices.Contains(on, syscallview.Sysinfo) {
		return nil
	}
	loads, err := syscallview.OpenLoads(dir)
	if err != nil {
		klog.ErrorS(err, "sysinfo tells the host's load averages")
		return nil
	}
	return func(cgroup uint64, averages [3]uint64, nowNsec uint64) {
		if err := loads.Put(cgroup, averages, nowNsec); err != nil {
			klog.V(1).InfoS("No load averages for sysinfo", "err", err)
		}
	}
}

// orderPublisher is for CPUs that are plugged in while the kernel chooses a
// container's for sched_getaffinity; nil where it does not.
func (c *serveConfig) orderPublisher() func(*view.Order) {
	on, _ := syscallview.Parse(c.syscalls.on)
	dir := c.syscallConfig().PinDir
	if dir == "" || !slices.Contains(on, syscallview.Affinity) {
		return nil
	}
	order, err := syscallview.OpenOrder(dir)
	if err != nil {
		klog.ErrorS(err, "sched_getaffinity goes by the CPUs that were on line when podview started")
		return nil
	}
	return func(o *view.Order) {
		if err := order.Put(o); err != nil {
			klog.ErrorS(err, "sched_getaffinity may tell other CPUs than the files")
		}
	}
}
