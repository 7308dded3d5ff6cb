// Package pipeline answers one read, from the caller's thread id to bytes.
// Read this file first; everything else in podview serves it.
package pipeline

import (
	"context"
	"fmt"
	"time"

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
	// Kept bounds the files that stay open.
	Kept *host.Kept
	// MaxAge is how old the host's meminfo, stat and diskstats may be.
	MaxAge time.Duration
	// ByQuota shows no more CPUs than the quota needs; false shows the whole
	// cpuset (--cpu-view).
	ByQuota bool
	// FirstCPUs shows the lowest of them, to all containers the same
	// (--cpu-choice).
	FirstCPUs bool
	// NodeUptime shows the host's /proc/uptime (--uptime).
	NodeUptime bool
	// NowNsec is CLOCK_BOOTTIME, which process start times are in.
	NowNsec func() uint64
	Metrics *metrics.Metrics
	// HostOnly shows everybody the host.
	HostOnly bool
	// Published, if not nil, gets each new set of load averages (view.Load) of
	// a container: its ID (cgroup.Source).
	Published func(container uint64, averages [3]uint64, nowNsec uint64)
	// Ordered, if not nil, gets the order of the host's CPUs, and each new one.
	Ordered func(*view.Order)
}

// Pipeline answers reads. Its methods may be called concurrently.
type Pipeline struct {
	Config
	changes  *host.Changes
	callers  *caller.Resolver
	threads  *caller.Threads
	host     *host.Files[string, struct{}]
	requests requests
	gate     gate
	times    sample.CPUTable
	loads    sample.LoadTable
	sampling sampling
	starts   startCache
	limits   limits
	order    order
	files    map[string]*file
	log      fallbackLog
	wake     alarm
}

// New prepares a Pipeline.
func New(c Config) (*Pipeline, error) {
	// Short-lived callers, busy threads and the many files of /sys must not push
	// out the cgroups.
	callers, err := caller.NewResolver(c.Root, c.Kept.Part(c.Kept.Max()/8))
	if err != nil {
		return nil, fmt.Errorf("own pid namespace: %w", err)
	}
	return &Pipeline{
		Config: c, changes: host.NewChanges(c.Hierarchies.Dirs), callers: callers, files: newFiles(c.Metrics),
		threads: caller.NewThreads(c.Root, c.Kept.Part(c.Kept.Max()/8)),
		host:    host.NewFiles[string, struct{}](c.Kept.Part(c.Kept.Max()/8), c.Root.Path),
		wake:    newAlarm(),
	}, nil
}

// Resume goes on with the counters and load averages of an earlier process,
// and keeps them for the next one. It must come before the first Read.
func (p *Pipeline) Resume(store *sample.Store) { p.times.Store, p.loads.Store = store, store }

// Read is ReadInto without an end.
func (p *Pipeline) Read(dst []byte, tid int, path string) ([]byte, error) {
	return p.ReadInto(context.Background(), tid, path, dst)
}

// ReadInto appends to buf what the thread tid finds in the file at path, which
// is absolute as in the container. tid is 0 for a caller that podview's pid
// namespace can't see.
//
// Whatever goes wrong on the way to the container's figures, the answer is
// the host's bytes, a counter and a log line. The error is only for a host
// file that can't be read either, and for ctx: its end is looked for between
// the stages, as the kernel ends no read of a cgroup's file.
func (p *Pipeline) ReadInto(ctx context.Context, tid int, path string, buf []byte) ([]byte, error) {
	text, _, err := p.read(ctx, tid, path, buf)
	return text, err
}

// ReadOwned is Read that tells whose text it is.
func (p *Pipeline) ReadOwned(dst []byte, tid int, path string) (text []byte, owner uint64, err error) {
	return p.read(context.Background(), tid, path, dst)
}

func (p *Pipeline) read(ctx context.Context, tid int, path string, buf []byte) (text []byte, owner uint64, err error) {
	f := p.find(path)
	f.reads.Inc()
	p.wake.set()
	r := p.requests.get(ctx, tid, path, f)
	defer p.requests.put(r)
	out, stage, err := p.render(r, buf)
	owner = p.owner(r)
	if err == nil || err == errAbsent || ctx.Err() != nil {
		return out, owner, err
	}
	p.fallBack(f.name, stage, err)
	out, err = p.fallbackFile(r, buf)
	return out, owner, err
}

// render is the whole story of a read. On an error stage names where it ended.
func (p *Pipeline) render(r *request, dst []byte) (out []byte, stage string, err error) {
	stage = "identify"
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	if err = p.identify(r); err != nil { // 1: whose view?
		return nil, stage, err
	}
	if r.tid == invisible || p.HostOnly {
		out, err = p.fallbackFile(r, dst)
		return out, "host", err
	}
	if r.who.Host {
		out, err = p.hostFile(dst, r.path)
		return out, "host", err
	}

	container := p.container(r.who)
	if err = p.gate.enter(r.ctx, container); err != nil {
		return nil, "busy", err
	}
	defer p.gate.leave(container)
	stage = "cgroup"
	source, err := r.file.source(p, r) // which host file, and what to do with it
	if err != nil {
		return nil, stage, err
	}
	if err = p.see(r, source.needs); err != nil { // 2, 3, 4: read, remember, compute
		return nil, stage, err
	}
	stage = "host"
	template, err := p.template(r, source.host)
	if err != nil {
		return nil, stage, err
	}
	stage = "render"
	out, err = source.append(dst, template, r) // 5: print
	return out, stage, err
}

// invisible is the thread id of a caller outside podview's pid namespace.
const invisible = 0

// theHost is everybody who is in no container.
var theHost = &caller.Caller{Host: true}

// identify fills r.who. Whatever was changed before is known from here on.
func (p *Pipeline) identify(r *request) (err error) {
	if r.tid == invisible || p.HostOnly {
		r.who = theHost
		return nil
	}
	r.changes = p.changes.Count()
	r.who, err = p.callers.Identify(r.tid, r.changes)
	return err
}

// Identify tells whether a thread's view can be had: an error names what is
// missing.
func (p *Pipeline) Identify(tid int) error {
	r := p.requests.get(context.Background(), tid, "", nil)
	defer p.requests.put(r)
	return p.identify(r)
}

// Watching tells why the kernel does not report changes of cgroups, so that
// each read asks for all anew, which takes several times as long; nil when it
// does.
func (p *Pipeline) Watching() error { return p.changes.Reports() }

// Confine gets what p will have no right to get when this process has given its
// rights up.
func (p *Pipeline) Confine() { p.changes.Hold() }
