package pipeline

import (
	"strings"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/sysfile"
	"github.com/podview/podview/daemon/paths"
)

// machine is how the caller sees /sys/devices/system; nil is the host's. It
// lasts as long as the request.
func (p *Pipeline) machine(r *request) (*sysfile.Machine, error) {
	if r.who.Host {
		return nil, nil
	}
	if err := p.seeCPUs(r); err != nil {
		return nil, err
	}
	m := &r.machine
	*m = sysfile.Machine{CPUs: r.c.CPUs}
	// Only nodes, and cpuN's links to them, depend on memory.
	if !strings.Contains(strings.TrimPrefix(r.path, paths.CPUDir), "node") && !isCPUDir(r.path) {
		return m, nil
	}
	if err := p.seeMemory(r); err != nil {
		return nil, err
	}
	_, _, err := p.host.Stat(paths.NodeDir) // kernels without NUMA have none
	m.OneNode = err == nil && (!m.CPUs.All || r.c.Memory.Limited)
	return m, nil
}

// isCPUDir matches /sys/devices/system/cpu/cpuN, whose listing has the link.
func isCPUDir(path string) bool {
	name, ok := strings.CutPrefix(path, paths.CPUDir+"/cpu")
	return ok && !strings.Contains(name, "/")
}

// errAbsent is for an open file whose CPU the container no longer has: read(2)
// says what it says of a CPU that was unplugged.
var errAbsent = unix.ENODEV

// sysSource is how to make a file below the two directories of /sys.
func sysSource(p *Pipeline, r *request) (source, error) {
	m, err := p.machine(r)
	if err != nil {
		return source{}, err
	}
	node := sysfile.Resolve(r.path, m)
	if node.Kind == sysfile.Absent {
		return source{}, errAbsent
	}
	return source{host: node.Host, node: node}, nil
}
