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
	{Name: "cpu0 to cpuN−1", V1: cpusV1, V2: cpusV2, Formula: "N directories, each with the topology, caches and frequency of the physical CPU behind it", NoLimit: hosts},
	{Name: "online, possible, present, enabled", V1: cpusV1, V2: cpusV2, Formula: "0 to N−1", NoLimit: hosts},
	{Name: "offline, isolated, nohz_full", Formula: "empty: no CPU of the container's is offline, and the other two are the host's business", NoLimit: hosts},
	{Name: "kernel_max", Formula: "the host's: what the kernel was built for", NoLimit: hosts},
	{Name: "cpuN/topology/core_cpus, core_cpus_list, core_siblings, core_siblings_list, thread_siblings, thread_siblings_list, package_cpus, package_cpus_list, die_cpus, die_cpus_list, cluster_cpus, cluster_cpus_list, book_siblings, book_siblings_list, drawer_siblings, drawer_siblings_list", V1: cpusV1, V2: cpusV2, Formula: "those of the host's that are among the N, by their new numbers", NoLimit: hosts},
	{Name: "cpuN/cache/indexN/shared_cpu_map, shared_cpu_list", V1: cpusV1, V2: cpusV2, Formula: "likewise", NoLimit: hosts},
	{Name: "cpuN/cpufreq/affected_cpus, related_cpus, freqdomain_cpus", V1: cpusV1, V2: cpusV2, Formula: "likewise; cpufreq is a directory here, and cpu/cpufreq has no policies", NoLimit: hosts},
	{Name: "cpuN/thermal_throttle", Formula: "left out, as container runtimes hide it", NoLimit: "left out"},
	{Name: "cpuN/nodeM", Formula: "node0, where there is one node", NoLimit: hosts},
	{Name: "everything else", Formula: "the host's, of the physical CPU where it is below cpuN; nothing can be written", NoLimit: hosts},
}

// NodeFields documents /sys/devices/system/node.
var NodeFields = []procfile.Field{
	{Name: "node0", Formula: "the one node: memory limits have no split by node, so that the size of each would be invented", NoLimit: "the host's nodes, when neither memory nor CPUs are limited"},
	{Name: "online, possible, has_cpu, has_memory, has_normal_memory, has_high_memory", Formula: "0", NoLimit: hosts},
	{Name: "has_generic_initiator", Formula: "empty", NoLimit: hosts},
	{Name: "node0/cpulist, cpumap", V1: cpusV1, V2: cpusV2, Formula: "0 to N−1", NoLimit: hosts},
	{Name: "node0/distance", Formula: "10, the distance to itself", NoLimit: hosts},
	{Name: "node0/meminfo", V1: "as /proc/meminfo", V2: "as /proc/meminfo", Formula: "the figures of /proc/meminfo; MemUsed = MemTotal − MemFree, FilePages = Cached + Buffers + SwapCached", NoLimit: hosts},
	{Name: "node0/cpu0 to cpuN−1", V1: cpusV1, V2: cpusV2, Formula: "links to the N CPUs", NoLimit: hosts},
}
