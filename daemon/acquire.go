package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/klog/v2"

	"github.com/podview/podview/daemon/internal/handover"
	"github.com/podview/podview/daemon/internal/ledger"
	"github.com/podview/podview/daemon/internal/mountinfo"
)

// ledgerLayout is what a podview that hands over tells of its ledger.
const ledgerLayout = ledger.Layout

// fit says in one line why this process can't serve at all.
func fit(c *serveConfig) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("must run as root: it mounts, and reads every container's cgroup (running as uid %d)", os.Geteuid())
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		return fmt.Errorf("no FUSE device: %w (load the module fuse, or give the container /dev/fuse)", err)
	}
	return nil
}

// hostCgroupNamespace: in one of its own, the containers' cgroups are all
// "/../..".
func hostCgroupNamespace(c *serveConfig) error {
	own, errOwn := os.Readlink("/proc/self/ns/cgroup")
	init, errInit := os.Readlink(c.root.Path("/proc/1/ns/cgroup"))
	if errOwn == nil && errInit == nil && own != init {
		return errors.New("in a cgroup namespace of its own podview can't tell the containers' cgroups, and will show the host; run it privileged (Kubernetes) or with the host's cgroup namespace")
	}
	return nil
}

// busyError: another podview has the mount, and keeps it. It is waited for.
type busyError struct{ error }

const (
	retryInterval = time.Second
	// remindInterval is between two log lines that say the same.
	remindInterval = time.Minute
)

// acquire gets the mount: from the podview that serves it, or by mounting. It
// waits while one serves it that does not hand it over. nil without an error
// means that ctx has ended first.
func acquire(ctx context.Context, c *serveConfig, args []string) (*servedMount, error) {
	var said string
	var saidAt time.Time
	for {
		m, err := tryAcquire(c, args)
		var busy busyError
		if !errors.As(err, &busy) {
			return m, err
		}
		if err.Error() != said || time.Since(saidAt) > remindInterval {
			said, saidAt = err.Error(), time.Now()
			klog.ErrorS(err, "Waiting until the mount is free", "mount", c.mount)
		}
		select {
		case <-ctx.Done():
			return nil, nil
		case <-time.After(retryInterval):
		}
	}
}

// tryAcquire is one attempt. Of several podviews that start at once one at a
// time is here, so that no two mount.
func tryAcquire(c *serveConfig, args []string) (*servedMount, error) {
	unlock, err := lockStart(c.runDir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	predecessor, err := ask(c)
	switch {
	case err == nil:
		return takeOver(c, args, predecessor)
	case errors.Is(err, handover.ErrNobody):
		return mountNew(c, args)
	}
	return nil, busyError{err}
}

// ask asks the podview that serves the mount, if any.
func ask(c *serveConfig) (*handover.Predecessor, error) {
	predecessor, err := handover.Ask(c.socketPath(), version, ledgerLayout)
	if !errors.Is(err, handover.ErrNobody) {
		return predecessor, err
	}
	// A podview of before November 2026 listens beside its mount, where others
	// may have put something of theirs.
	earlier := filepath.Clean(c.mount) + ".sock"
	predecessor, err = handover.Ask(earlier, version, ledgerLayout)
	var dial *net.OpError
	if errors.Is(err, handover.ErrStranger) || errors.As(err, &dial) && dial.Op == "dial" {
		klog.ErrorS(err, "Not asked for the mount")
		return nil, handover.ErrNobody
	}
	return predecessor, err
}

// socketPath is where a successor asks for the mount: in a directory for this
// mount, outside of what pods can have as volumes.
func (c *serveConfig) socketPath() string {
	mount := c.mount // by one name, whatever links lead there
	if parent, err := filepath.EvalSymlinks(filepath.Dir(mount)); err == nil {
		mount = filepath.Join(parent, filepath.Base(mount))
	}
	sum := sha256.Sum256([]byte(mount))
	return filepath.Join(c.runDir, fmt.Sprintf("%.100s-%x", filepath.Base(mount), sum[:8]), "handover.sock")
}

// lockPatience is for others that hold the lock for a moment only.
const lockPatience = 300 * time.Millisecond

// lockStart is for whoever mounts or unmounts. The file is where no pod gets
// at it: a directory can be locked by who may only read it.
func lockStart(runDir string) (unlock func(), err error) {
	if err := os.MkdirAll(runDir, 0o700); err != nil {
		return nil, fmt.Errorf("--run-dir: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(runDir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("--run-dir: %w", err)
	}
	switch err := flock(f, lockPatience); {
	case errors.Is(err, unix.EWOULDBLOCK):
		f.Close()
		return nil, busyError{fmt.Errorf("another podview is starting: it has locked %s", f.Name())}
	case err != nil:
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return func() { f.Close() }, nil
}

// flock waits, but not for ever.
func flock(f *os.File, patience time.Duration) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) || time.Now().After(deadline) {
			return err
		}
	}
}

// takeOver goes on with a predecessor's mount.
func takeOver(c *serveConfig, args []string, p *handover.Predecessor) (*servedMount, error) {
	m, hostOnly, err := newServedMount(c, args)
	if err != nil {
		p.Close()
		return nil, err
	}
	m.Device, m.predecessor, m.Inherited, m.mounted = p.Mount.Device, p, true, time.Now()
	// Held open, a mount that is given up would look as if it were served.
	giveUp := func(err error) (*servedMount, error) {
		m.Dismiss()
		p.Close()
		m.Device.Close()
		if m.Ledger != nil {
			_ = m.Ledger.Close()
		}
		return nil, err
	}
	sameLedger := p.Mount.Layout == ledgerLayout
	if sameLedger {
		m.Ledger, err = ledger.Open(p.Mount.Ledger)
	} else {
		klog.InfoS("The podview before this one keeps its counters in another way; they start anew", "its version", p.Mount.Version)
		p.Mount.Ledger.Close()
		var cpus int
		if cpus, err = hostOnly.PossibleCPUs(); err == nil {
			m.Ledger, err = ledger.New(cpus)
		}
		if err == nil {
			m.Ledger.Orphans().Add(1) // what it knew of them is lost
			err = m.Ledger.SetInit(p.Mount.Init)
		}
	}
	if err == nil {
		err = m.Prepare()
	}
	if err != nil {
		return giveUp(fmt.Errorf("take over the mount: %w", err))
	}
	err = p.Take(sameLedger) // from here on readers wait
	if errors.Is(err, handover.ErrGone) && isViewMounted(c.mount) {
		klog.ErrorS(err, "The podview that offered the mount is gone; going on with what it had given")
	} else if err != nil {
		return giveUp(busyError{err})
	}
	klog.InfoS("Took over the mount", "mount", c.mount, "from version", p.Mount.Version)
	return m, nil
}

func isViewMounted(mount string) bool {
	there, ok, err := mountinfo.On(mount)
	return ok && err == nil && there.FSType == mountinfo.ViewType
}
