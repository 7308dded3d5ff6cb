package main

import (
	"flag"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/cgroup/detect"
	"github.com/podview/podview/daemon/internal/cgroup/tree"
	"github.com/podview/podview/daemon/internal/fusefs"
	"github.com/podview/podview/daemon/internal/host"
	"github.com/podview/podview/daemon/internal/metrics"
	"github.com/podview/podview/daemon/internal/pipeline"
)

// config is what the commands that read cgroups can be told.
type config struct {
	root      host.Root
	cgroup    string
	cpuView   string
	cpuChoice string
	uptime    string
	keptFiles int
	statCache time.Duration
}

func (c *config) register(flags *flag.FlagSet) {
	flags.StringVar(&c.root.Proc, "host-proc", "/proc", "the host's procfs")
	flags.StringVar(&c.root.Sys, "host-sys", "/sys", "the host's sysfs")
	flags.StringVar(&c.root.Cgroup, "host-cgroup", "/sys/fs/cgroup", "the host's cgroup file systems")
	flags.StringVar(&c.cgroup, "cgroup", "auto", "cgroup version: auto, v1 or v2")
	flags.IntVar(&c.keptFiles, "kept-files", 8192, "most files of /proc and of cgroups that stay open between reads; at most half of the process's limit counts")
	flags.DurationVar(&c.statCache, "stat-cache", 10*time.Millisecond, "how old the cgroups' memory.stat and the host's meminfo, stat and diskstats may be; limits and usage are always new; 0 turns it off")
	flags.StringVar(&c.cpuView, "cpu-view", "quota", "number of CPUs shown: quota (CPU limit, rounded up) or cpuset (every CPU a container may run on)")
	flags.StringVar(&c.cpuChoice, "cpu-choice", "spread", "which CPUs are shown where the limit is smaller than the cpuset: spread (neighbours, others for each container) or first (the lowest, for all containers the same)")
	flags.StringVar(&c.uptime, "uptime", "container", "/proc/uptime: container (since its start) or node (since the node's; ages of processes, as ps -o etimes and pgrep --older reckon them, are right then); a container in a time namespace has that one's")
}

func (c *config) validate() error {
	if !slices.Contains([]string{"auto", "v1", "v2"}, c.cgroup) {
		return fmt.Errorf("--cgroup=%q is not auto, v1 or v2", c.cgroup)
	}
	if !slices.Contains([]string{"quota", "cpuset"}, c.cpuView) {
		return fmt.Errorf("--cpu-view=%q is not quota or cpuset", c.cpuView)
	}
	if !slices.Contains([]string{"spread", "first"}, c.cpuChoice) {
		return fmt.Errorf("--cpu-choice=%q is not spread or first", c.cpuChoice)
	}
	if !slices.Contains([]string{"container", "node"}, c.uptime) {
		return fmt.Errorf("--uptime=%q is not container or node", c.uptime)
	}
	if c.keptFiles < 0 {
		return fmt.Errorf("--kept-files=%d is negative", c.keptFiles)
	}
	if c.statCache < 0 || c.statCache > time.Second {
		return fmt.Errorf("--stat-cache=%v is not between 0 and 1s", c.statCache)
	}
	return nil
}

// pipeline makes the reader of the configured host, and names its cgroups.
func (c *config) pipeline(m *metrics.Metrics) (p *pipeline.Pipeline, mode string, err error) {
	kept := host.NewKept(c.keptFiles)
	hierarchies, mode, err := detect.Open(c.root, c.cgroup, tree.NewFiles(kept, c.statCache))
	if err != nil {
		return nil, "", err
	}
	p, err = pipeline.New(pipeline.Config{
		Root: c.root, Hierarchies: hierarchies, Kept: kept, MaxAge: c.statCache,
		ByQuota: c.cpuView == "quota", FirstCPUs: c.cpuChoice == "first", NodeUptime: c.uptime == "node",
		NowNsec: boottime, Metrics: m,
	})
	return p, mode, err
}

// hostOnly makes a reader of the host's own files, for when the containers'
// can't be had. It is rarely used, and keeps none open.
func (c *config) hostOnly(m *metrics.Metrics) (p *pipeline.Pipeline, mode string, err error) {
	rarely := *c
	rarely.keptFiles = 0
	if p, mode, err = rarely.pipeline(m); err == nil {
		p.HostOnly = true
	}
	return p, mode, err
}

func boottime() uint64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		panic(err) // Linux has had it since 2.6.39
	}
	return uint64(t.Nano())
}

// What fusefs asks for if a tree has it.
var (
	_ fusefs.OwnedTree   = (*pipeline.Pipeline)(nil)
	_ fusefs.GuardedTree = (*pipeline.Pipeline)(nil)
)
