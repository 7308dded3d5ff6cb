package sysfile

import (
	"strconv"
	"strings"
)

// nodeFiles is what the container's one node has: what top, lscpu, numactl
// and hwloc read of a node.
var nodeFiles = []string{"cpulist", "cpumap", "distance", "meminfo"}

// resolveNode resolves rest below /sys/devices/system/node.
func resolveNode(path, rest string, m *Machine) Node {
	node := Node{Kind: Host, Host: path, Shared: rest == "" || !strings.HasPrefix(rest, "node")}
	if m == nil || !m.OneNode {
		return node
	}
	first, inner, _ := strings.Cut(rest, "/")
	if n, isNode := numbered(first, "node"); isNode {
		if n != 0 {
			return Node{}
		}
		return resolveNode0(path, inner, m)
	}
	node.Append = nodeDirFiles[rest]
	return node
}

// nodeDirFiles are the lists beside the nodes. All that the container has is
// in the one node.
var nodeDirFiles = map[string]appendFunc{
	"online": appendZero, "possible": appendZero, "has_cpu": appendZero,
	"has_memory": appendZero, "has_normal_memory": appendZero, "has_high_memory": appendZero,
	"has_generic_initiator": appendNone,
}

func resolveNode0(path, inner string, m *Machine) Node {
	switch inner {
	case "":
		return Node{Kind: Dir, Names: appendCPUNames(append([]string{}, nodeFiles...), len(m.CPUs.Physical))}
	case "cpulist":
		return Node{Kind: File, Append: appendVisible}
	case "cpumap":
		return Node{Kind: File, Host: path, Append: appendVisibleMask}
	case "distance":
		return Node{Kind: File, Append: appendDistance}
	case "meminfo":
		return Node{Kind: File, Host: path, NodeMeminfo: true}
	}
	if n, ok := numbered(inner, "cpu"); ok && n < len(m.CPUs.Physical) {
		return Node{Kind: Link, Target: "../../cpu/cpu" + strconv.Itoa(n)}
	}
	return Node{}
}

func listNode(hostNames []string, m *Machine) []string {
	if !m.OneNode {
		return hostNames
	}
	names := []string{"node0"}
	for _, name := range hostNames {
		if _, isNode := numbered(name, "node"); !isNode {
			names = append(names, name)
		}
	}
	return names
}
