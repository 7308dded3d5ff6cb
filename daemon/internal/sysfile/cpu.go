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
	case isCPU && m.CPUs.All: // offline ones too
		return resolveOneCPU(node, n, inner, m)
	case isCPU && n < len(m.CPUs.Physical):
		return resolveOneCPU(node, m.CPUs.Physical[n], inner, m)
	case isCPU:
		return Node{}
	case m.CPUs.All:
		return node
	}
	switch first {
	case "online", "possible", "present", "enabled":
		node.Append = appendVisible
	case "offline", "isolated", "nohz_full":
		// No CPU of the container's is offline, and which of them the host
		// keeps free of ticks or load balancing is the host's business.
		node.Append = appendNone
	case "cpufreq":
		// A policy is a group of physical CPUs; cpuN/cpufreq leads to it.
		if strings.HasPrefix(inner, "policy") {
			return Node{}
		}
	}
	return node
}

// resolveOneCPU resolves inner below the virtual CPU that stands for a
// physical one.
func resolveOneCPU(node Node, physical int, inner string, m *Machine) Node {
	node.Host = paths.CPUDir + "/cpu" + strconv.Itoa(physical)
	if inner == "" {
		return node
	}
	node.Host += "/" + inner
	if n, ok := numbered(inner, "node"); ok && m.OneNode {
		if n != 0 {
			return Node{}
		}
		return Node{Kind: Link, Target: "../../node/node0"}
	}
	if m.CPUs.All {
		return node
	}
	name := inner[strings.LastIndexByte(inner, '/')+1:]
	switch {
	case isListFile(name):
		node.Append = appendRenumberedList
	case isMaskFile(name):
		node.Append = appendRenumberedMask
	}
	return node
}

// The files of topology/, cache/indexN/ and cpufreq/ that name CPUs, as in
// Documentation/ABI/stable/sysfs-devices-system-cpu.
func isListFile(name string) bool {
	switch name {
	case "core_cpus_list", "core_siblings_list", "thread_siblings_list", "package_cpus_list",
		"die_cpus_list", "cluster_cpus_list", "book_siblings_list", "drawer_siblings_list",
		"shared_cpu_list", "ppin_cpus_list":
		return true
	}
	return false
}

func isMaskFile(name string) bool {
	switch name {
	case "core_cpus", "core_siblings", "thread_siblings", "package_cpus",
		"die_cpus", "cluster_cpus", "book_siblings", "drawer_siblings", "shared_cpu_map":
		return true
	}
	return false
}

func listCPU(rest string, hostNames []string, m *Machine) []string {
	var names []string
	for _, name := range hostNames {
		_, isCPU := numbered(name, "cpu")
		n, isNode := numbered(name, "node")
		switch {
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
