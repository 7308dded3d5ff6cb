package pipeline

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/podview/podview/daemon/internal/caller"
	"github.com/podview/podview/daemon/internal/metrics"
	"github.com/podview/podview/daemon/internal/procfile"
	"github.com/podview/podview/daemon/internal/view"
	"github.com/podview/podview/daemon/paths"
)

// file is one entry of paths.All, ready to be read. The parts of a directory
// share its entry.
type file struct {
	name     string
	reads    prometheus.Counter
	private  bool   // no container may see the host's
	constant source // of a file in /proc
	// source tells what a path is made from. For /proc it is constant; in
	// /sys it depends on the caller's CPUs, which it leaves in c.
	source func(p *Pipeline, who *caller.Caller, path string, c *view.Container) (source, error)
}

// source is what one file's content is made from.
type source struct {
	host   string // the template's path
	needs  procfile.Needs
	append func(dst, template []byte, c *view.Container) ([]byte, error)
}

func newFiles(m *metrics.Metrics) map[string]*file {
	files := map[string]*file{}
	for _, path := range paths.All {
		files[path.Path] = &file{name: path.Path, reads: m.Read(path.Path), source: sysSource}
	}
	for _, f := range procfile.All {
		constant := source{f.Path, f.Needs, f.Append}
		files[f.Path].private = f.Needs&procfile.NeedSlabinfo != 0
		files[f.Path].constant = constant
		files[f.Path].source = func(*Pipeline, *caller.Caller, string, *view.Container) (source, error) {
			return constant, nil
		}
	}
	return files
}

func (p *Pipeline) find(path string) *file {
	if f := p.files[path]; f != nil {
		return f
	}
	if strings.HasPrefix(path, paths.NodeDir) {
		return p.files[paths.NodeDir]
	}
	return p.files[paths.CPUDir]
}
