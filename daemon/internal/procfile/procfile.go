// Package procfile renders the emulated files of /proc. Rendering is pure:
// the host's bytes of the same file and a view.Container in, bytes out.
package procfile

import (
	"github.com/podview/podview/daemon/internal/view"
)

// Needs is what has to be read for a file; a bit set.
type Needs uint

// What can be needed.
const (
	NeedMemory   Needs = 1 << iota // Container.Memory
	NeedCPUs                       // Container.CPUs
	NeedTimes                      // Container.Times; implies NeedCPUs
	NeedUptime                     // Container.UptimeNsec
	NeedLoad                       // Container.Load
	NeedIO                         // Container.IO
	NeedPressure                   // Container.Raw: the cgroup's pressure file
	NeedSlabinfo                   // Container.Raw: the cgroup's slabinfo
)

// File is one emulated file.
type File struct {
	// Path as in paths.All.
	Path  string
	Needs Needs
	// Alone is set when Append ignores host: it need not be read.
	Alone bool
	// Append appends the container's version of the file to dst. host is the
	// host's bytes of the same file: the template whose lines, order and
	// format are kept. It must not modify host or c, and must not panic on
	// any bytes. On error the host's bytes are served instead.
	Append func(dst, host []byte, c *view.Container) ([]byte, error)
	// Fields documents every field; docs/view.md is generated from it.
	Fields []Field
}

// Field is one row of docs/view.md.
type Field struct {
	Name    string // as the file prints it
	V1, V2  string // source in the container's cgroup
	Formula string // what is printed
	NoLimit string // what it means when no limit is set
}

// All is every emulated file of /proc; a test compares it with paths.All.
var All = []*File{
	&cpuinfo,
	&meminfo,
	&stat,
	&uptime,
	&loadavg,
	&diskstats,
	&swaps,
	&slabinfo,
	&pressureCPU,
	&pressureIO,
	&pressureMemory,
	&pressureIRQ,
}
