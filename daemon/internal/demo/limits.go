package demo

import (
	"slices"

	"github.com/containerd/cgroups/v3/cgroup2"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

const (
	// periodUsec is the kubelet's default CFS period (QuotaPeriod in
	// pkg/kubelet/cm/helpers_linux.go), so that quotas look like a pod's.
	periodUsec = 100000
	// minQuotaUsec is the least that the kernel takes (min_cfs_quota_period
	// in kernel/sched/core.c); the kubelet rounds up to it, too.
	minQuotaUsec = 1000
)

// quotaUsec is the CFS quota for milliCPUs.
func quotaUsec(milliCPUs int64) int64 {
	return max(milliCPUs*periodUsec/1000, minQuotaUsec)
}

// resources1 is the limits for cgroup v1. swap says whether the kernel can
// limit it.
func resources1(c config, swap bool) *specs.LinuxResources {
	resources := &specs.LinuxResources{CPU: &specs.LinuxCPU{Cpus: c.cpuset}}
	if c.milliCPUs > 0 {
		quota, period := quotaUsec(c.milliCPUs), uint64(periodUsec)
		resources.CPU.Quota, resources.CPU.Period = &quota, &period
	}
	if c.memoryBytes > 0 {
		resources.Memory = &specs.LinuxMemory{Limit: &c.memoryBytes}
		if swap {
			memsw := c.memoryBytes + c.swapBytes // v1 limits the sum
			resources.Memory.Swap = &memsw
		}
	}
	return resources
}

// resources2 is the limits for cgroup v2. swap says whether the kernel can
// limit it.
func resources2(c config, swap bool) *cgroup2.Resources {
	resources := &cgroup2.Resources{CPU: &cgroup2.CPU{Cpus: c.cpuset}, Memory: &cgroup2.Memory{}}
	if c.milliCPUs > 0 {
		quota, period := quotaUsec(c.milliCPUs), uint64(periodUsec)
		resources.CPU.Max = cgroup2.NewCPUMax(&quota, &period)
	}
	if c.memoryBytes > 0 {
		resources.Memory.Max = &c.memoryBytes
		if swap {
			resources.Memory.Swap = &c.swapBytes
		}
	}
	return resources
}

// controllers2 is those of available that podview reads, whether limited or
// not: without a controller there is no usage either.
func controllers2(available []string) []string {
	var wanted []string
	for _, name := range []string{"cpu", "cpuset", "io", "memory", "pids"} {
		if slices.Contains(available, name) {
			wanted = append(wanted, name)
		}
	}
	return wanted
}

// missing is the first controller that a limit needs and controllers lacks.
func missing(controllers []string, c config) string {
	for _, limit := range []struct {
		set        bool
		controller string
	}{
		{c.memoryBytes > 0, "memory"},
		{c.milliCPUs > 0, "cpu"},
		{c.cpuset != "", "cpuset"},
	} {
		if limit.set && !slices.Contains(controllers, limit.controller) {
			return limit.controller
		}
	}
	return ""
}
