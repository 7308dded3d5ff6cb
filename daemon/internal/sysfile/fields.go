package sysfile

import "github.com/podview/podview/daemon/internal/procfile"

// Where the number of CPUs comes from.
const (
	cpusV1 = "cpuset.effective_cpus, cpu.cfs_quota_us / cpu.cfs_period_us"
	cpusV2 = "cpuset.cpus.effective, cpu.max"
	hosts  = "the host's"
)

// CPUFields documents /sys/devices/system/cpu; docs/view.md is generated from
// it.
var CPUFields = []procfile.Field{
	{Name: "online, present, enabled", V1: cpusV1, V2: cpusV2, Formula: "the container's N CPUs, by the kernel's numbers", NoLimit: hosts},
	{Name: "offline", V1: cpusV1, V2: cpusV2, Formula: "the host's, and the CPUs that are not among the N", NoLimit: hosts},
	{Name: "possible, kernel_max", Formula: "the host's: the kernel's promise of the highest number, which programs size arrays by (`nproc --all`, sysconf(_SC_NPROCESSORS_CONF))", NoLimit: hosts},
	{Name: "cpuN", Formula: "all of the host's directories; those of the N are whole", NoLimit: hosts},
	{Name: "cpuN of another CPU", Formula: "as of a CPU that is off line: no topology, online says 0; the rest, cache and cpufreq among it, stays the host's", NoLimit: "–"},
	{Name: "cpuN/topology/core_cpus, core_cpus_list, core_siblings, core_siblings_list, thread_siblings, thread_siblings_list, package_cpus, package_cpus_list, die_cpus, die_cpus_list, cluster_cpus, cluster_cpus_list, book_siblings, book_siblings_list, drawer_siblings, drawer_siblings_list", V1: cpusV1, V2: cpusV2, Formula: "those of the host's that are among the N, as the kernel leaves out what is off line", NoLimit: hosts},
	{Name: "cpuN/cache/indexN/shared_cpu_map, shared_cpu_list", V1: cpusV1, V2: cpusV2, Formula: "likewise", NoLimit: hosts},
	{Name: "cpufreq/policyN/affected_cpus", V1: cpusV1, V2: cpusV2, Formula: "likewise; the host's where none is left", NoLimit: hosts},
	{Name: "cpuN/thermal_throttle", Formula: "left out, as container runtimes hide it", NoLimit: "left out"},
	{Name: "everything else", Formula: "the host's; nothing can be written", NoLimit: hosts},
}

// NodeFields documents /sys/devices/system/node.
var NodeFields = []procfile.Field{
	{Name: "nodeN", Formula: "all of the host's directories, with all of their files", NoLimit: hosts},
	{Name: "nodeN/cpulist, cpumap", V1: cpusV1, V2: cpusV2, Formula: "those of the host's that are among the container's N CPUs; may be empty", NoLimit: hosts},
	{Name: "has_cpu", V1: cpusV1, V2: cpusV2, Formula: "the nodes that have one of the N CPUs", NoLimit: hosts},
	{Name: "nodeN/meminfo", V1: "as /proc/meminfo", V2: "as /proc/meminfo", Formula: "the node's share of the figures of /proc/meminfo, by its share of the host's memory, so that all nodes add up to them: cgroups have no limit by node; MemUsed = MemTotal − MemFree, FilePages = Cached + Buffers + SwapCached; other lines are the host's", NoLimit: hosts},
	{Name: "everything else", Formula: "the host's: numastat, vmstat and hugepages are the node's own", NoLimit: hosts},
}
