package main

import (
	"flag"
	"fmt"
	"slices"

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
	// on is what could be attached, for the worker to know.
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
	return append(append([]string{}, args...), "--syscalls-attached="+featureList(a.features))
}

// report shows in the metrics what is attached.
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
