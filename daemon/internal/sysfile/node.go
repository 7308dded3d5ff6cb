package sysfile

import "strings"

// resolveNode resolves rest below /sys/devices/system/node. Every node and
// every file of the host's stays: numbers of nodes are in the kernel's masks,
// too.
func resolveNode(path, rest string, m *Machine) Node {
	node := Node{Kind: Host, Host: path, Shared: rest == "" || !strings.HasPrefix(rest, "node")}
	if m == nil {
		return node
	}
	first, inner, _ := strings.Cut(rest, "/")
	n, isNode := numbered(first, "node")
	switch {
	case isNode && inner == "meminfo":
		node.Meminfo, node.NUMANode = true, n
	case m.CPUs.All:
	case isNode:
		node.Append = nodeFiles[inner]
	default:
		node.Append = nodeDirFiles[rest]
	}
	return node
}

// nodeFiles are a node's files that name CPUs: those that are on line.
var nodeFiles = map[string]appendFunc{"cpulist": appendShownOf, "cpumap": appendShownMask}

// nodeDirFiles are the lists beside the nodes that depend on CPUs.
var nodeDirFiles = map[string]appendFunc{"has_cpu": appendNodesOfShown}
