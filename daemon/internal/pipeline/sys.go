package pipeline

import (
	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/sysfile"
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
	r.machine = sysfile.Machine{CPUs: r.c.CPUs, Online: r.online, Order: p.cpuOrder(r)}
	return &r.machine, nil
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
	if node.Meminfo {
		if err := p.seeMemory(r); err != nil {
			return source{}, err
		}
		if r.nodeShare, err = p.nodeShare(r, node.NUMANode); err != nil {
			return source{}, err
		}
	}
	return source{host: node.Host, node: node}, nil
}
