package sysfile

import (
	"strconv"
	"strings"

	"github.com/podview/podview/daemon/paths"
)

// resolveCPU resolves rest below /sys/devices/system/cpu.
func resolveCPU(path, rest string, m *Machine) Node {
	first, inner, _ := strings.Cut(rest, "/")
	n, isCPU := numbered(first, "cpu")
	// cpu0 and the files beside it are there for everybody. The parts of cpuN
	// and cpufreq may differ from CPU to CPU.
	node := Node{Kind: Host, Host: path, Shared: inner == "" && n == 0}
	switch {
	case m == nil:
		return node
	case isCPU && isMasked(inner):
		return Node{}
	case isCPU && m.CPUs.All: // offline ones too
		return resolveOneCPU(node, n, n, inner, m)
	case isCPU && n < len(m.CPUs.Physical):
		return resolveOneCPU(node, n, m.CPUs.Physical[n], inner, m)
	case isCPU:
		return Node{}
	case m.CPUs.All:
		return node
	}
	// A policy is a group of physical CPUs; cpuN/cpufreq leads to it.
	if first == "cpufreq" && strings.HasPrefix(inner, "policy") {
		return Node{}
	}
	node.Append = cpuFiles[rest]
	return node
}

// cpuFiles are the lists beside the CPUs. No CPU of the container's is
// offline, and which of them the host keeps free of ticks or load balancing
// is the host's business.
var cpuFiles = map[string]appendFunc{
	"online": appendVisible, "possible": appendVisible, "present": appendVisible, "enabled": appendVisible,
	"offline": appendNone, "isolated": appendNone, "nohz_full": appendNone,
}

// resolveOneCPU resolves inner below the virtual CPU that stands for a
// physical one. Mostly they have the same number, and the same path.
func resolveOneCPU(node Node, virtual, physical int, inner string, m *Machine) Node {
	if virtual != physical {
		node.Host = paths.CPUDir + "/cpu" + strconv.Itoa(physical)
		if inner != "" {
			node.Host += "/" + inner
		}
	}
	if inner == "" {
		return node
	}
	if n, ok := numbered(inner, "node"); ok && m.OneNode {
		if n != 0 {
			return Node{}
		}
		return Node{Kind: Link, Target: "../../node/node0"}
	}
	if m.CPUs.All {
		return node
	}
	node.Append = oneCPUFiles[inner[strings.LastIndexByte(inner, '/')+1:]]
	return node
}

// oneCPUFiles are the files of cpuN/topology and cpuN/cache/indexN that name
// CPUs (Documentation/ABI/stable/sysfs-devices-system-cpu).
var oneCPUFiles = map[string]appendFunc{
	"core_cpus_list": appendRenumberedList, "core_cpus": appendRenumberedMask,
	"core_siblings_list": appendRenumberedList, "core_siblings": appendRenumberedMask,
	"thread_siblings_list": appendRenumberedList, "thread_siblings": appendRenumberedMask,
	"package_cpus_list": appendRenumberedList, "package_cpus": appendRenumberedMask,
	"die_cpus_list": appendRenumberedList, "die_cpus": appendRenumberedMask,
	"cluster_cpus_list": appendRenumberedList, "cluster_cpus": appendRenumberedMask,
	"book_siblings_list": appendRenumberedList, "book_siblings": appendRenumberedMask,
	"drawer_siblings_list": appendRenumberedList, "drawer_siblings": appendRenumberedMask,
	"shared_cpu_list": appendRenumberedList, "shared_cpu_map": appendRenumberedMask,
	// cpufreq/
	"affected_cpus": appendRenumberedWords, "related_cpus": appendRenumberedWords, "freqdomain_cpus": appendRenumberedWords,
}

// isMasked matches what container runtimes hide by a mount of their own,
// because it tells of other tenants' load. Such a mount does not last on a
// name that the kernel must ask for each time, so the name is left out.
func isMasked(inner string) bool {
	first, _, _ := strings.Cut(inner, "/")
	return first == "thermal_throttle"
}

func listCPU(rest string, hostNames []string, m *Machine) []string {
	var names []string
	for _, name := range hostNames {
		_, isCPU := numbered(name, "cpu")
		n, isNode := numbered(name, "node")
		switch {
		case isMasked(name) && rest != "":
		case rest == "" && isCPU && !m.CPUs.All:
		case rest == "cpufreq" && strings.HasPrefix(name, "policy") && !m.CPUs.All:
		case isNode && n != 0 && m.OneNode:
			names = append(names, "node0")
		default:
			names = append(names, name)
		}
	}
	if rest == "" && !m.CPUs.All {
		names = appendCPUNames(names, len(m.CPUs.Physical))
	}
	return names
}

func appendCPUNames(names []string, n int) []string {
	for i := range n {
		names = append(names, "cpu"+strconv.Itoa(i))
	}
	return names
}
