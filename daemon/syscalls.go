package main

import (
	"flag"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"k8s.io/klog/v2"

	"github.com/podview/podview/daemon/internal/metrics"
	"github.com/podview/podview/daemon/internal/syscallview"
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
	programs []*syscallview.Attached
}

// attachSyscalls attaches what --syscalls names. What can't be is said once,
// and left to the kernel.
func attachSyscalls(c *serveConfig) *attachedCalls {
	calls := &attachedCalls{config: c}
	wanted, _ := syscallview.Parse(c.syscalls.list) // validated
	if len(wanted) > 0 {
		if err := calls.attach(wanted); err != nil {
			klog.ErrorS(err, "Containers get the host's answers to system calls", "syscalls", c.syscalls.list)
		}
		// The kernel's types took some 30 MB, which this process would keep.
		debug.FreeOSMemory()
	}
	return calls
}

func (a *attachedCalls) attach(wanted []syscallview.Feature) error {
	kernel, err := syscallview.Open()
	if err != nil {
		return err
	}
	config := a.config.syscallConfig()
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
	config := syscallview.Config{Proc: c.root.Proc, ByQuota: c.cpuView == "quota"}
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
	if dir := a.config.syscallConfig().PinDir; dir != "" {
		if err := syscallview.Unpin(dir, a.features...); err != nil {
			klog.ErrorS(err, "System calls of an earlier podview are still answered", "pinned", dir)
		}
	}
}

func (a *attachedCalls) close() {
	for _, p := range a.programs {
		p.Close()
	}
}

// detachSyscalls is for whoever takes the mount away.
func (c *serveConfig) detachSyscalls() {
	if dir := c.syscallConfig().PinDir; dir != "" {
		if err := syscallview.Unpin(dir); err != nil {
			klog.ErrorS(err, "System calls are still answered for containers that have the view", "pinned", dir)
		}
	}
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
