package pipeline

import (
	"strings"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/caller"
	"github.com/podview/podview/daemon/internal/host"
	"github.com/podview/podview/daemon/internal/procfile"
	"github.com/podview/podview/daemon/internal/sysfile"
	"github.com/podview/podview/daemon/internal/view"
	"github.com/podview/podview/daemon/paths"
)

// machine is how the caller sees /sys/devices/system; nil is the host's.
func (p *Pipeline) machine(who *caller.Caller, path string, c *view.Container) (*sysfile.Machine, error) {
	if who.Host {
		return nil, nil
	}
	if err := p.seeCPUs(who, c); err != nil {
		return nil, err
	}
	m := &sysfile.Machine{CPUs: c.CPUs}
	// Only nodes, and cpuN's links to them, depend on memory.
	if !strings.Contains(strings.TrimPrefix(path, paths.CPUDir), "node") && !isCPUDir(path) {
		return m, nil
	}
	if err := p.seeMemory(who, c); err != nil {
		return nil, err
	}
	_, err := p.hostMode(paths.NodeDir) // kernels without NUMA have none
	m.OneNode = err == nil && (!m.CPUs.All || c.Memory.Limited)
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
func sysSource(p *Pipeline, who *caller.Caller, path string, c *view.Container) (source, error) {
	m, err := p.machine(who, path, c)
	if err != nil {
		return source{}, err
	}
	node := sysfile.Resolve(path, m)
	if node.Kind == sysfile.Absent {
		return source{}, errAbsent
	}
	s := source{host: node.Host, append: func(dst, template []byte, _ *view.Container) ([]byte, error) {
		if node.Append == nil {
			return append(dst, template...), nil
		}
		return node.Append(dst, template, m)
	}}
	if node.NodeMeminfo {
		s.append = p.appendNodeMeminfo
	}
	return s, nil
}

func (p *Pipeline) appendNodeMeminfo(dst, template []byte, c *view.Container) ([]byte, error) {
	meminfo, err := host.ReadFile(p.Root.Path("/proc/meminfo"), nil)
	if err != nil {
		return nil, err
	}
	return procfile.AppendNodeMeminfo(dst, template, meminfo, c)
}
