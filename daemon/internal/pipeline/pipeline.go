// Package pipeline answers one read, from the caller's thread id to bytes.
// Read this file first; everything else in podview serves it.
package pipeline

import (
	"fmt"

	"github.com/podview/podview/daemon/internal/caller"
	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/host"
	"github.com/podview/podview/daemon/internal/metrics"
	"github.com/podview/podview/daemon/internal/sample"
	"github.com/podview/podview/daemon/internal/view"
)

// Config is where a Pipeline reads from.
type Config struct {
	Root        host.Root
	Hierarchies cgroup.Hierarchies
	// ByQuota counts a CPU quota when numbering CPUs; false shows the whole
	// cpuset (--cpu-view).
	ByQuota bool
	// NowNsec is CLOCK_BOOTTIME, which process start times are in.
	NowNsec func() uint64
	Metrics *metrics.Metrics
	// HostOnly shows everybody the host.
	HostOnly bool
}

// Pipeline answers reads. Its methods may be called concurrently.
type Pipeline struct {
	Config
	callers *caller.Resolver
	times   sample.CPUTable
	loads   sample.LoadTable
	starts  startCache
	files   map[string]*file
	log     fallbackLog
}

// New prepares a Pipeline.
func New(c Config) (*Pipeline, error) {
	callers, err := caller.NewResolver(c.Root)
	if err != nil {
		return nil, fmt.Errorf("own pid namespace: %w", err)
	}
	return &Pipeline{Config: c, callers: callers, files: newFiles(c.Metrics)}, nil
}

// Resume goes on with the counters and load averages of an earlier process,
// and keeps them for the next one. It must come before the first Read.
func (p *Pipeline) Resume(store *sample.Store) { p.times.Store, p.loads.Store = store, store }

// Read appends to dst what the thread tid finds in the file at path, which is
// absolute as in the container. tid is 0 for a caller that podview's pid
// namespace can't see.
//
// Whatever goes wrong on the way to the container's figures, the answer is
// the host's bytes, a counter and a log line. The error is only for a host
// file that can't be read either.
func (p *Pipeline) Read(dst []byte, tid int, path string) ([]byte, error) {
	f := p.find(path)
	f.reads.Inc()
	out, stage, err := p.render(dst, tid, f, path)
	if err == nil || err == errAbsent {
		return out, err
	}
	p.fallBack(f.name, stage, err)
	return p.fallbackFile(dst, f, path)
}

// fallbackFile is the host's file; of one that is private to the host (what
// its kernel allocates, for root's eyes), only what an empty container has.
func (p *Pipeline) fallbackFile(dst []byte, f *file, path string) ([]byte, error) {
	if !f.private {
		return p.hostFile(dst, path)
	}
	template, err := p.hostFile(nil, path)
	if err != nil {
		return nil, err
	}
	return f.constant.append(dst, template, &view.Container{})
}

// render is the whole story of a read. On an error stage names where it ended.
func (p *Pipeline) render(dst []byte, tid int, f *file, path string) (out []byte, stage string, err error) {
	stage = "identify"
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	who, err := p.identify(tid) // 1: whose view?
	if err != nil {
		return nil, stage, err
	}
	if tid == invisible || p.HostOnly {
		out, err = p.fallbackFile(dst, f, path)
		return out, "host", err
	}
	if who.Host {
		out, err = p.hostFile(dst, path)
		return out, "host", err
	}

	stage = "cgroup"
	var c view.Container
	source, err := f.source(p, who, path, &c) // which host file, and what to do with it
	if err != nil {
		return nil, stage, err
	}
	if err = p.see(who, source, &c); err != nil { // 2, 3, 4: read, remember, compute
		return nil, stage, err
	}

	stage = "host"
	var template []byte
	if source.host != "" {
		if template, err = host.ReadFile(p.Root.Path(source.host), nil); err != nil {
			return nil, stage, err
		}
	}
	stage = "render"
	out, err = source.append(dst, template, &c) // 5: print
	return out, stage, err
}

// invisible is the thread id of a caller outside podview's pid namespace.
const invisible = 0

func (p *Pipeline) identify(tid int) (*caller.Caller, error) {
	if tid == invisible || p.HostOnly {
		return &caller.Caller{Host: true}, nil
	}
	return p.callers.Identify(tid)
}

func (p *Pipeline) hostFile(dst []byte, path string) ([]byte, error) {
	text, err := host.ReadFile(p.Root.Path(path), nil)
	return append(dst, text...), err
}

// Identify tells whether a thread's view can be had: an error names what is
// missing.
func (p *Pipeline) Identify(tid int) error {
	_, err := p.identify(tid)
	return err
}
