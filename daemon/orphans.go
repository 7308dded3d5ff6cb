package main

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/klog/v2"

	"github.com/podview/podview/daemon/internal/holder"
	"github.com/podview/podview/daemon/internal/reattach"
)

// orphansCommand is how serve starts the process that looks once at all
// containers for mounts to replace. It enters their mount namespaces, so it is
// no other that does, and it has nothing that is of use for anything else.
const orphansCommand = "reattach-orphans"

// countsFD is where it writes what it did, two numbers: replaced and failed.
const countsFD = holder.AliveFD + 1

const countsBytes = 16

// A look takes milliseconds, but containers can make it take longer. It stops
// by itself before it is killed.
const (
	lookTimeout = 4 * time.Minute
	lookBudget  = 5 * time.Minute
)

// looks are at containers that lost the view, or started without it. Each is a
// process's.
type looks struct {
	// pauses are before each. A runtime may have followed a link just before
	// the mount was there, and have its container running only later.
	pauses []time.Duration
	// retry is before another one where one has failed; it doubles each time.
	retry time.Duration
	once  func(context.Context) error
}

// maxFailedLooks are as many as a view that is slow to answer may cost.
const maxFailedLooks = 6

// look looks while there are orphans, until ctx ends.
func (l *looks) look(ctx context.Context, orphans *atomic.Uint64) {
	known := orphans.Load()
	if known == 0 {
		return
	}
	failed := 0
	for n, pause := 0, l.pauses[0]; ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		err := l.once(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			if n++; n == len(l.pauses) {
				break
			}
			pause = l.pauses[n]
			continue
		}
		pause = l.retry << failed
		if failed++; failed == maxFailedLooks {
			klog.ErrorS(err, "Containers that lost the view are not looked for any more; podview reattach does it by hand", "failed", failed)
			return
		}
		klog.ErrorS(err, "Looking for containers that lost the view failed; it is done again", "failed", failed, "pause", pause)
	}
	orphans.CompareAndSwap(known, 0) // unless there is a new reason
}

// reattachOrphans gives the view to the containers that lost it or started
// without it, while ctx lasts and the view is served; linksOnly as in
// reattach.Config.
func (m *servedMount) reattachOrphans(ctx context.Context, linksOnly bool) {
	l := looks{
		pauses: []time.Duration{0, 5 * time.Second, time.Minute},
		retry:  time.Second,
		once:   func(ctx context.Context) error { return m.lookOnce(ctx, linksOnly) },
	}
	l.look(ctx, m.Ledger.Orphans())
}

// lookOnce runs the process.
func (m *servedMount) lookOnce(ctx context.Context, linksOnly bool) error {
	counts, theirs, err := os.Pipe()
	if err != nil {
		return err
	}
	defer counts.Close()
	child := &holder.Child{
		Arguments: []string{orphansCommand, "--mount=" + m.config.mount, "--host-proc=" + m.config.root.Proc, fmt.Sprintf("--links-only=%t", linksOnly)},
		Files:     []*os.File{countsFD - holder.AliveFD - 1: theirs},
		OOMScore:  m.config.oomScore,
		Budget:    lookBudget,
	}
	err = child.Once(ctx)
	theirs.Close()
	if ctx.Err() != nil { // it may have its end of the pipe yet
		return err
	}
	var did [countsBytes]byte
	if _, errRead := io.ReadFull(counts, did[:]); errRead == nil {
		m.Ledger.Replaced().Add(binary.NativeEndian.Uint64(did[:]))
		m.Ledger.Failed().Add(binary.NativeEndian.Uint64(did[8:]))
	}
	return err
}

// lookForOrphans is that process.
func lookForOrphans(args []string) int {
	flags := flag.NewFlagSet("podview "+orphansCommand, flag.ContinueOnError)
	var config reattach.Config
	flags.StringVar(&config.View, "mount", "", "as serve has it")
	flags.StringVar(&config.Proc, "host-proc", "", "as serve has it")
	flags.BoolVar(&config.LinksOnly, "links-only", false, "as reattach.Config has it")
	if code, ok := parse(flags, args); !ok {
		return code
	}
	signal.Ignore(unix.SIGPIPE) // by a log that nobody reads any more
	ctx, stop := context.WithTimeout(context.Background(), lookTimeout)
	defer stop()
	replaced, failed, err := reattachOnce(ctx, config)
	var did [countsBytes]byte
	binary.NativeEndian.PutUint64(did[:], uint64(replaced))
	binary.NativeEndian.PutUint64(did[8:], uint64(failed))
	if _, errWrite := os.NewFile(countsFD, "counts").Write(did[:]); errWrite != nil {
		klog.ErrorS(errWrite, "The metrics will not count these containers")
	}
	if err != nil {
		return fail(orphansCommand, fmt.Errorf("could not look for containers to re-attach: %w", err))
	}
	return 0
}

func reattachOnce(ctx context.Context, config reattach.Config) (replaced, failed int, err error) {
	report, err := reattach.Run(ctx, config)
	for _, c := range report.Containers {
		replaced += len(c.Replaced)
		failed += len(c.Failures)
		if err := c.Err(); err != nil {
			klog.ErrorS(err, "Could not re-attach a container", "pid", c.PID, "cgroup", c.Cgroup, "replaced", len(c.Replaced), "failed", len(c.Failures))
			continue
		}
		klog.InfoS("Re-attached a container", "pid", c.PID, "cgroup", c.Cgroup, "replaced", len(c.Replaced), "took", c.Took)
	}
	return replaced, failed, err
}
