package holder

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/fusedev"
)

// The holder looks now and then whether requests wait that no worker takes.
// Waiting for that in poll(2) would wake it for each request.
const (
	idleLook = 5 * time.Second
	busyLook = time.Second
	// hungLooks in a row without any answer, while requests wait, are a worker
	// that hangs. Counted, not timed: after a pause of all processes
	// everything is old.
	hungLooks = 10
)

// progress is what the looks at a worker have found.
type progress struct {
	answered uint64
	looks    int // in a row without an answer
}

// look tells whether the worker hangs, and when to look again.
func (p *progress) look(waiting bool, answered uint64) (hung bool, next time.Duration) {
	if !waiting {
		p.answered, p.looks = answered, 0
		return false, idleLook
	}
	if p.looks++; answered != p.answered {
		p.answered, p.looks = answered, 0
	}
	return p.looks >= hungLooks, busyLook
}

// waiting tells whether requests are in the kernel's queue, which readers that
// are well empty at once, or in theirs, where some are answered each moment.
func (h *Holder) waiting() bool {
	if fusedev.Waits(h.Ledger.Lot()) {
		return true
	}
	fds := []unix.PollFd{{Fd: int32(h.Device.Fd()), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	return n > 0 && err == nil
}
