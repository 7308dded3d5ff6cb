package main

import (
	"context"
	"errors"
	"time"

	"k8s.io/klog/v2"
)

// errLost: the connection was ended by somebody else. Any process that may
// umount -f a file of the view in its own mount namespace can do that, and who
// may write to the abort file of fusectl.
var errLost = errors.New("the mount was taken away")

// Between mounts that don't last there is a pause, for the sake of the other
// processes of the node: each is followed by a look at all containers.
const (
	lasting         = 10 * time.Second
	firstMountPause = 100 * time.Millisecond
	maxMountPause   = time.Second
)

// nextMountPause is the pause before a mount, by the pause before the last
// one and how long that was served.
func nextMountPause(last, served time.Duration) time.Duration {
	if served >= lasting {
		return 0
	}
	return min(max(2*last, firstMountPause), maxMountPause)
}

// mountAgain follows a lost connection with a new mount, which the containers
// get when it is served. It returns false when ctx has ended first.
func (m *servedMount) mountAgain(ctx context.Context) bool {
	_ = m.Device.Close()
	m.lost = true
	if m.predecessor != nil { // it stands by for the connection that is lost
		m.predecessor.Release()
		m.predecessor = nil
	}
	var said string
	var saidAt time.Time
	for {
		m.pause = nextMountPause(m.pause, time.Since(m.mounted))
		select {
		case <-ctx.Done():
			return false
		case <-time.After(m.pause):
		}
		m.mounted = time.Now()
		err := m.tryMountAgain()
		if err == nil {
			klog.InfoS("Somebody took the mount away; mounted again", "mount", m.config.mount, "times", m.Ledger.Lost().Load(), "after", m.pause)
			return true
		}
		if err.Error() != said || time.Since(saidAt) > remindInterval {
			said, saidAt = err.Error(), time.Now()
			klog.ErrorS(err, "Somebody took the mount away, and it can't be made again yet", "mount", m.config.mount)
		}
	}
}

func (m *servedMount) tryMountAgain() error {
	unlock, err := lockStart(m.config.runDir)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := clearMountpoint(m.config.mount); err != nil {
		return err
	}
	if err := m.Ledger.Reconnect(); err != nil {
		return err
	}
	device, err := mountAndAnswer(m.config.mount, m)
	if err == nil {
		m.Device, m.lost, m.linksOnly = device, false, false
	}
	return err
}
