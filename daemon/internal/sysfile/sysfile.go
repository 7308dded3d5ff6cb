// Package sysfile is the container's version of /sys/devices/system/cpu and
// /sys/devices/system/node: which names exist there, which host file is
// behind each, and how its content changes. It does no I/O.
package sysfile

import (
	"slices"
	"strconv"
	"strings"

	"github.com/podview/podview/daemon/internal/view"
	"github.com/podview/podview/daemon/paths"
)

// Machine is the part of the container's view that shapes the two trees.
type Machine struct {
	CPUs view.CPUs
	// Online is the host's CPUs that are on line, ascending.
	Online []int
	// Order knows which node a CPU is in.
	Order *view.Order
}

func (m *Machine) shows(cpu int) bool {
	_, ok := slices.BinarySearch(m.CPUs.Shown, cpu)
	return ok
}

// shown keeps those of the CPUs that the container is shown.
func (m *Machine) shown(cpus []int) []int {
	return slices.DeleteFunc(cpus, func(cpu int) bool { return !m.shows(cpu) })
}

// Kind is what a path is.
type Kind int

// What a path can be.
const (
	Absent Kind = iota
	// Host is the host's own file or directory at Node.Host.
	Host
	// File is a file with the content of Node.Append, which the host need not
	// have.
	File
)

// Node is what a caller finds at a path.
type Node struct {
	Kind Kind
	// Host is the host's path behind this one: its template, or itself; ""
	// where nothing is needed of the host.
	Host string
	// Append appends the content to dst, given the host's bytes of Node.Host;
	// nil for the host's bytes as they are.
	Append appendFunc
	// Meminfo is set for the meminfo of NUMANode, which needs the memory view.
	Meminfo  bool
	NUMANode int
	// Shared is set when the path means the same kind of thing to every
	// caller, so that the kernel may remember that it exists.
	Shared bool
}

type appendFunc func(dst, host []byte, m *Machine) ([]byte, error)

// Resolve says what path, in paths.CPUDir or paths.NodeDir, is in m. A nil m
// is the host.
func Resolve(path string, m *Machine) Node {
	if rest, ok := below(path, paths.CPUDir); ok {
		return resolveCPU(path, rest, m)
	}
	if rest, ok := below(path, paths.NodeDir); ok {
		return resolveNode(path, rest, m)
	}
	return Node{}
}

// List filters the names the host has in the directory at path down to those
// of m, and adds m's own.
func List(path string, hostNames []string, m *Machine) []string {
	if m == nil {
		return hostNames
	}
	if rest, ok := below(path, paths.CPUDir); ok {
		return listCPU(rest, hostNames, m)
	}
	return hostNames
}

func below(path, dir string) (rest string, ok bool) {
	if path == dir {
		return "", true
	}
	if strings.HasPrefix(path, dir) && path[len(dir)] == '/' {
		return path[len(dir)+1:], true
	}
	return "", false
}

// numbered splits "cpu12" into 12. Only the kernel's own spelling counts.
func numbered(name, prefix string) (int, bool) {
	digits, ok := strings.CutPrefix(name, prefix)
	if !ok || digits == "" || len(digits) > 1 && digits[0] == '0' {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	return int(n), err == nil
}
