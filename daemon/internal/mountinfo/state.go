package mountinfo

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// State is whether a FUSE mount is served.
type State int

const (
	// Served: it answers.
	Served State = iota
	// Dead: nobody holds its device any more, and nobody ever will again.
	Dead
	// Silent: somebody holds the device and does not answer; a daemon that is
	// stopped, or starting. It may go on.
	Silent
)

// silentAfter is far above what a served view takes on a busy machine.
const silentAfter = 3 * time.Second

// Ask returns the state of the mount at path. An error is of the way there,
// and says nothing about the mount.
func Ask(path string) (State, error) {
	answer := make(chan error, 1)
	go func() {
		// statfs, because the kernel never answers it from memory.
		var st unix.Statfs_t
		err := unix.Statfs(path, &st)
		for errors.Is(err, unix.EINTR) {
			err = unix.Statfs(path, &st)
		}
		answer <- err
	}()
	select {
	case err := <-answer:
		if errors.Is(err, unix.ENOTCONN) {
			return Dead, nil
		}
		return Served, err
	case <-time.After(silentAfter):
		return Silent, nil
	}
}
