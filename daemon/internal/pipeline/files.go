package pipeline

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

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
	lacked  lacked         // where this host's kernel has none
	proc    *procfile.File // of a file in /proc
	// source tells what the request's path is made from. For /proc it is
	// constant; in /sys it depends on the caller's CPUs, which it leaves in the
	// request.
	source func(p *Pipeline, r *request) (source, error)
}

// lacked is what an optional file says where the kernel has none: nothing.
type lacked struct {
	optional bool
	nothing  string
}

// instead appends it for a host's file that is not there. Where nothing can be
// said, as of pressure, it is what the kernel says when that is off (psi=0).
func (l lacked) instead(dst []byte, err error) ([]byte, error) {
	switch {
	case !l.optional || !errors.Is(err, fs.ErrNotExist):
		return dst, err
	case l.nothing == "":
		return dst, unix.EOPNOTSUPP
	}
	return append(dst, l.nothing...), nil
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
		files[path.Path] = &file{name: path.Path, reads: m.Read(path.Path), source: sysSource, lacked: lacked{path.Optional, path.Nothing}}
	}
	for _, f := range procfile.All {
		files[f.Path].private = f.Needs&procfile.NeedSlabinfo != 0
		files[f.Path].proc = f
		files[f.Path].source = procSource
	}
	return files
}

func procSource(p *Pipeline, r *request) (source, error) {
	f := r.file.proc
	if p.NodeUptime && f.Path == uptimePath {
		// The kernel's own, which in a time namespace the daemon can't read.
		if _, own := p.callers.TimeOffset(r.who); !own {
			return source{host: f.Path}, nil
		}
	}
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
