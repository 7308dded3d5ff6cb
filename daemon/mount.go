package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"k8s.io/klog/v2"

	"github.com/podview/podview/daemon/internal/fusedev"
	"github.com/podview/podview/daemon/internal/fusefs"
	"github.com/podview/podview/daemon/internal/handover"
	"github.com/podview/podview/daemon/internal/holder"
	"github.com/podview/podview/daemon/internal/metrics"
	"github.com/podview/podview/daemon/internal/pipeline"
)

// servedMount is a mount that this process has: it serves it, or stands by
// for the one that does.
type servedMount struct {
	*holder.Holder
	config *serveConfig
	cgroup string // the host's version, for the log
	// predecessor stands by for us; nil where we mounted.
	predecessor *handover.Predecessor
	// handedOver: another podview serves the mount now.
	handedOver bool
	// linksOnly: there was no podview before this one.
	linksOnly bool
	// lost: the connection was ended, and this process has no other.
	lost bool
	// mounted is when the connection began, pause how long that had waited.
	mounted time.Time
	pause   time.Duration
}

// newServedMount prepares what is the same whoever mounted.
func newServedMount(c *serveConfig, args []string) (*servedMount, *pipeline.Pipeline, error) {
	hostOnly, mode, err := c.hostOnly(metrics.New())
	if err != nil {
		return nil, nil, err
	}
	m := &servedMount{config: c, cgroup: mode, Holder: &holder.Holder{
		Arguments: append([]string{workerCommand}, args...), OOMScore: c.oomScore, Reserve: c.reserve,
	}}
	m.Host = func() fuse.RawFileSystem {
		files := fusefs.New(hostOnly, viewPaths(c.root))
		files.Resume(m.Ledger.Kept(), m.Ledger.Handle())
		return files
	}
	return m, hostOnly, nil
}

var errTaken = errors.New("a successor takes the mount")

// linger is how long a podview that leaves its mount to a successor goes on
// serving it when it is told to end: a DaemonSet whose pod is not ready starts
// the next one and ends this one at the same time.
// Where one is being heard by then, it is waited for as long again.
const (
	linger = 5 * time.Second
	moment = 50 * time.Millisecond
)

func (m *servedMount) lingerFor() time.Duration {
	if !m.config.leave || m.predecessor != nil && m.predecessor.StandsBy() {
		return 0
	}
	return linger
}

// needed ends with ctx. Where that is over the successor has come late, and may
// yet fail: then it is linger.
func needed(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx.Err() == nil {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(context.WithoutCancel(ctx), linger)
}

// serve keeps the mount served, by this process or by its successor, until
// ctx ends.
func (m *servedMount) serve(ctx context.Context) {
	for {
		successor, err := m.serveUntilTaken(ctx)
		if errors.Is(err, errLost) && m.mountAgain(ctx) {
			continue
		}
		if successor == nil {
			return
		}
		if !m.yield(ctx, successor) {
			m.handedOver = true
			return
		}
		klog.InfoS("The podview that took the mount is gone; serving it again", "mount", m.config.mount, "its version", successor.Version)
	}
}

// serveUntilTaken returns the successor that wants the mount, nil when ctx
// has ended and none came, or errLost.
func (m *servedMount) serveUntilTaken(ctx context.Context) (*handover.Successor, error) {
	serving, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	var taken <-chan *handover.Successor
	listener, err := handover.Listen(m.config.socketPath(), handover.Mount{
		Version: version, Layout: ledgerLayout, Init: m.Ledger.Init(), Device: m.Device, Ledger: m.Ledger.File(),
	}, m.config.greet)
	if err != nil {
		klog.ErrorS(err, "A successor can't take the mount; it will have to wait until this podview is gone")
	} else {
		defer listener.Close()
		taken = listener.Taken()
	}
	ran := make(chan error, 1)
	go func() { ran <- m.Run(serving) }()
	go m.reattachOrphans(serving, m.linksOnly)
	told := ctx.Done()
	var over <-chan time.Time
	var until time.Time
	for {
		select {
		case successor := <-taken:
			stop(errTaken)
			<-ran
			return successor, nil
		case err := <-ran:
			return nil, errors.Join(errLost, err)
		case <-told:
			told, over, until = nil, time.After(m.lingerFor()), time.Now().Add(2*m.lingerFor())
		case <-over:
			if listener.Busy() && time.Now().Before(until) { // on a busy node that takes long
				over = time.After(moment)
				continue
			}
			stop(ctx.Err())
			<-ran
			select {
			case successor := <-taken: // it came at the last moment
				return successor, nil
			default:
				return nil, nil
			}
		}
	}
}

// yield gives the mount to the successor and stands by. back is true when it
// is ours again, because the successor is gone.
func (m *servedMount) yield(ctx context.Context, successor *handover.Successor) (back bool) {
	defer successor.Close()
	if m.predecessor != nil {
		m.predecessor.Release()
		m.predecessor = nil
	}
	if !successor.Ledger { // it can't see what our worker has left there
		if _, err := m.AnswerPending(); err != nil {
			klog.ErrorS(err, "Requests may be left without an answer")
		}
	}
	if err := successor.Yield(); err != nil {
		klog.ErrorS(err, "Could not hand over the mount", "to version", successor.Version)
		return true
	}
	klog.InfoS("Handed over the mount; standing by", "mount", m.config.mount, "to version", successor.Version)
	ctx, cancel := needed(ctx)
	defer cancel()
	ended := make(chan bool, 1)
	go func() { ended <- successor.Ended() }()
	select {
	case released := <-ended:
		if !released {
			return ctx.Err() == nil
		}
		klog.InfoS("Another podview stands by now; waiting to be ended")
		_ = m.Device.Close() // a mount that all have left should end
		<-ctx.Done()
	case <-ctx.Done():
	}
	return false
}

// leave ends this process's part in the mount.
func (m *servedMount) leave() error {
	mount := m.config.mount
	switch {
	case m.handedOver:
		klog.InfoS("Another podview serves the mount", "mount", mount)
	case m.predecessor != nil && m.predecessor.StandsBy():
		klog.InfoS("Leaving the mount to the podview that served it before", "mount", mount, "its version", m.predecessor.Mount.Version)
		if m.predecessor.Mount.Layout != ledgerLayout { // it can't see what our worker has left
			_, err := m.AnswerPending()
			return err
		}
	case m.lost: // what is there now may be another podview's
		_, err := takeOff(m.config)
		return err
	case m.config.leave && !m.config.failOpen:
		klog.InfoS("Leaving the mount", "mount", mount)
	case m.config.leave:
		// Nobody followed. Left in place the mount would be dead, and hide the
		// links that pods can start with.
		handover.Remove(m.config.socketPath()) // while nobody else can mount
		_ = m.Device.Close()
		_, err := takeOff(m.config)
		klog.InfoS("Nobody took the mount; containers keep what they have of it for the next podview", "mount", mount)
		return err
	default:
		klog.InfoS("Unmounting", "mount", mount)
		handover.Remove(m.config.socketPath())
		m.config.detachSyscalls()
		if err := fusedev.Unmount(mount); err != nil {
			return fmt.Errorf("%w (was the mount moved?)", err)
		}
	}
	return nil
}
