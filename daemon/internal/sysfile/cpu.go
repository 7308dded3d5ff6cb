package sysfile

import (
	"slices"
	"strings"
)

// resolveCPU resolves rest below /sys/devices/system/cpu. Every CPU of the
// host's keeps its name and its number; those that are not the container's are
// as the kernel shows a CPU that is off line.
func resolveCPU(path, rest string, m *Machine) Node {
	first, inner, _ := strings.Cut(rest, "/")
	n, isCPU := numbered(first, "cpu")
	// cpu0 and the files beside it are there for everybody. Other CPUs may be
	// taken out of the machine, and parts of them differ from caller to caller.
	node := Node{Kind: Host, Host: path, Shared: inner == "" && n == 0}
	switch {
	case m == nil:
		return node
	case isCPU && isMasked(inner):
		return Node{}
	case m.CPUs.All: // offline ones too
		return node
	case isCPU && m.shows(n):
		node.Append = oneCPUFiles[inner[strings.LastIndexByte(inner, '/')+1:]]
	case isCPU:
		return resolveHiddenCPU(node, inner)
	case first == "cpufreq":
		node.Append = policyFiles[inner[strings.LastIndexByte(inner, '/')+1:]]
	default:
		node.Append = cpuFiles[rest]
	}
	return node
}

// resolveHiddenCPU resolves inner below a CPU that is not the container's.
// What programs count CPUs by is gone or says so. The rest stays, which the
// kernel takes away in part: runtimes read cpu0/cache by name, whatever they
// may run on (.NET's garbage collector).
func resolveHiddenCPU(node Node, inner string) Node {
	part, _, _ := strings.Cut(inner, "/")
	switch {
	case part == "topology":
		return Node{}
	case inner == "online": // also of cpu0, which can't be taken off line and has none
		return Node{Kind: File, Append: appendZero}
	}
	return node
}

// cpuFiles are the lists beside the CPUs that are the container's own. possible
// and kernel_max are the kernel's promise of the highest number: programs make
// arrays for their per-CPU data by them.
var cpuFiles = map[string]appendFunc{
	"online": appendShown, "present": appendShown, "enabled": appendShown, "offline": appendOffline,
}

// oneCPUFiles are the files of cpuN/topology and cpuN/cache/indexN that name
// CPUs (Documentation/ABI/stable/sysfs-devices-system-cpu). Those of CPUs that
// are off line are not in them.
var oneCPUFiles = map[string]appendFunc{
	"core_cpus_list": appendShownOf, "core_cpus": appendShownMask,
	"core_siblings_list": appendShownOf, "core_siblings": appendShownMask,
	"thread_siblings_list": appendShownOf, "thread_siblings": appendShownMask,
	"package_cpus_list": appendShownOf, "package_cpus": appendShownMask,
	"die_cpus_list": appendShownOf, "die_cpus": appendShownMask,
	"cluster_cpus_list": appendShownOf, "cluster_cpus": appendShownMask,
	"book_siblings_list": appendShownOf, "book_siblings": appendShownMask,
	"drawer_siblings_list": appendShownOf, "drawer_siblings": appendShownMask,
	"shared_cpu_list": appendShownOf, "shared_cpu_map": appendShownMask,
}

// policyFiles are those of cpufreq/policyN, which cpuN/cpufreq leads to.
// related_cpus has CPUs that are off line, too.
var policyFiles = map[string]appendFunc{"affected_cpus": appendShownWords}

// isMasked matches what container runtimes hide by a mount of their own,
// because it tells of other tenants' load. Such a mount does not last on a
// name that the kernel must ask for each time, so the name is left out.
func isMasked(inner string) bool {
	first, _, _ := strings.Cut(inner, "/")
	return first == "thermal_throttle"
}

func listCPU(rest string, hostNames []string, m *Machine) []string {
	n, isCPU := numbered(rest, "cpu")
	if !isCPU {
		return hostNames
	}
	hidden := !m.CPUs.All && !m.shows(n)
	names := make([]string, 0, len(hostNames)+1)
	for _, name := range hostNames {
		if !isMasked(name) && !(hidden && name == "topology") {
			names = append(names, name)
		}
	}
	if hidden && !slices.Contains(names, "online") {
		names = append(names, "online")
	}
	return names
}
