package procfile

import (
	"bytes"

	"github.com/podview/podview/daemon/internal/view"
	"github.com/podview/podview/daemon/paths"
)

var slabinfo = File{
	Path:   "/proc/slabinfo",
	Needs:  NeedSlabinfo,
	Append: appendSlabinfo,
	Fields: []Field{
		{"slabinfo - version", "memory.kmem.slabinfo", "", "the cgroup's; else the host's header", "the same"},
		{"# name", "memory.kmem.slabinfo", "", "the cgroup's; else the host's header", "the same"},
		{"caches", "memory.kmem.slabinfo", "", "the cgroup's; else none: kernels since 5.9 keep no slabs per cgroup, and the host's tell what its other tenants do", "the same"},
	},
}

var slabinfoVersion = []byte("slabinfo - version")

// appendSlabinfo never fails: the fallback would be the host's file, which
// only the host's root may read.
func appendSlabinfo(dst, host []byte, c *view.Container) ([]byte, error) {
	if bytes.HasPrefix(c.Raw, slabinfoVersion) && c.Raw[len(c.Raw)-1] == '\n' {
		return append(dst, c.Raw...), nil
	}
	version, rest := cutLine(host)
	columns, _ := cutLine(rest)
	if !bytes.HasPrefix(version, slabinfoVersion) || !bytes.HasPrefix(columns, []byte("# name")) ||
		columns[len(columns)-1] != '\n' {
		return append(dst, paths.SlabinfoHeader...), nil
	}
	dst = append(dst, version...)
	return append(dst, columns...), nil
}
