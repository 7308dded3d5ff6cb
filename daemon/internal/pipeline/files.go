package pipeline

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/podview/podview/daemon/internal/metrics"
	"github.com/podview/podview/daemon/internal/procfile"
	"github.com/podview/podview/daemon/internal/sysfile"
	"github.com/podview/podview/daemon/paths"
)

// file is one entry of paths.All, ready to be read. The parts of a directory
// share its entry.
type file struct {
	name    string
	reads   prometheus.Counter
	private bool           // no container may see the host's
	proc    *procfile.File // of a file in /proc
	// source tells what the request's path is made from. For /proc it is
	// constant; in /sys it depends on the caller's CPUs, which it leaves in the
	// request.
	source func(p *Pipeline, r *request) (source, error)
}

// source is what one file's content is made from.
type source struct {
	host  string // the template's path; "" for none
	needs procfile.Needs
	proc  *procfile.File // nil for a file of /sys, which is node's
	node  sysfile.Node
}

// append prints the file for the request's caller.
func (s *source) append(dst, template []byte, r *request) ([]byte, error) {
	switch {
	case s.proc != nil:
		return s.proc.Append(dst, template, &r.c)
	case s.node.Meminfo:
		return procfile.AppendNodeMeminfo(dst, template, r.meminfo, r.nodeShare, &r.c)
	case s.node.Append != nil:
		return s.node.Append(dst, template, &r.machine)
	}
	return append(dst, template...), nil
}

func newFiles(m *metrics.Metrics) map[string]*file {
	files := map[string]*file{}
	for _, path := range paths.All {
		files[path.Path] = &file{name: path.Path, reads: m.Read(path.Path), source: sysSource}
	}
	for _, f := range procfile.All {
		files[f.Path].private = f.Needs&procfile.NeedSlabinfo != 0
		files[f.Path].proc = f
		files[f.Path].source = procSource
	}
	return files
}

func procSource(_ *Pipeline, r *request) (source, error) {
	f := r.file.proc
	s := source{needs: f.Needs, proc: f}
	if !f.Alone {
		s.host = f.Path
	}
	return s, nil
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
