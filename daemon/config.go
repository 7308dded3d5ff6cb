package main

import (
	"flag"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/cgroup/detect"
	"github.com/podview/podview/daemon/internal/host"
	"github.com/podview/podview/daemon/internal/metrics"
	"github.com/podview/podview/daemon/internal/pipeline"
)

// config is what the commands that read cgroups can be told.
type config struct {
	root    host.Root
	cgroup  string
	cpuView string
}

func (c *config) register(flags *flag.FlagSet) {
	flags.StringVar(&c.root.Proc, "host-proc", "/proc", "the host's procfs")
	flags.StringVar(&c.root.Sys, "host-sys", "/sys", "the host's sysfs")
	flags.StringVar(&c.root.Cgroup, "host-cgroup", "/sys/fs/cgroup", "the host's cgroup file systems")
	flags.StringVar(&c.cgroup, "cgroup", "auto", "cgroup version: auto, v1 or v2")
	flags.StringVar(&c.cpuView, "cpu-view", "quota", "number of CPUs shown: quota (CPU limit, rounded up) or cpuset (every CPU a container may run on)")
}

func (c *config) validate() error {
	if !slices.Contains([]string{"auto", "v1", "v2"}, c.cgroup) {
		return fmt.Errorf("--cgroup=%q is not auto, v1 or v2", c.cgroup)
	}
	if !slices.Contains([]string{"quota", "cpuset"}, c.cpuView) {
		return fmt.Errorf("--cpu-view=%q is not quota or cpuset", c.cpuView)
	}
	return nil
}

// pipeline makes the reader of the configured host, and names its cgroups.
func (c *config) pipeline(m *metrics.Metrics) (p *pipeline.Pipeline, mode string, err error) {
	hierarchies, mode, err := detect.Open(c.root, c.cgroup)
	if err != nil {
		return nil, "", err
	}
	p, err = pipeline.New(pipeline.Config{
		Root: c.root, Hierarchies: hierarchies, ByQuota: c.cpuView == "quota",
		NowNsec: boottime, Metrics: m,
	})
	return p, mode, err
}

func boottime() uint64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		panic(err) // Linux has had it since 2.6.39
	}
	return uint64(t.Nano())
}
