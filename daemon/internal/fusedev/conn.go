package fusedev

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
	"k8s.io/klog/v2"
)

// Conn is one FUSE connection being served. The fields are set before Serve.
type Conn struct {
	// Readers is how many threads take requests while none of them is stuck;
	// NewConn sets it to one for each slot.
	Readers int
	// Answered, if not nil, is raised with each reply. It may be in memory
	// shared with the holder.
	Answered *atomic.Uint64
	// Late, if not nil, answers a request that has no answer after Deadline;
	// Missed is called for each. Host is what the reader of the last slot
	// answers from, when all others are stuck.
	Deadline   time.Duration
	Late, Host fuse.RawFileSystem
	Missed     func()
	// Lot is where requests wait for their turn: LotBytes of zeros, or what a
	// Conn before this one has left there.
	Lot []byte

	fd          int
	server      *server
	late, spare *server
	queue       *queue // nil where requests are answered as they come
	slots       [][]byte
}

// maxWriteBytes is the least the kernel takes; nobody can write here. It
// bounds the requests (fs/fuse/dev.c, fuse_dev_do_read: FUSE_MIN_READ_BUFFER).
const (
	maxWriteBytes = 4096
	// SlotBytes holds any request.
	SlotBytes = 16 << 10
	// replyBufferBytes holds a READDIR of 32 pages of 64 KiB behind its
	// header. Memory that is never written costs nothing.
	replyBufferBytes = 32*(64<<10) + 4096
)

// NewSlots makes request buffers for that many readers, for a connection that
// ends with this process.
func NewSlots(readers int) [][]byte {
	slots := make([][]byte, readers)
	for i := range slots {
		slots[i] = make([]byte, SlotBytes)
	}
	return slots
}

// NewConn serves fs on fd, a FUSE device with a mounted connection, with at
// most one reader for each slot. A reader takes requests from the kernel
// straight into its slot, and sets the first word there to 0 when it has
// answered: in memory that outlives the process, a request that was taken is
// never lost.
func NewConn(fd int, fs fuse.RawFileSystem, slots [][]byte) *Conn {
	return &Conn{fd: fd, slots: slots, Readers: len(slots), server: newServer(fs)}
}

// TakeTurns has containers answered in turn when more requests come than are
// answered. whose is a number for the container of a thread. Lot is set before.
func (c *Conn) TakeTurns(whose func(tid int) uint64) { c.queue = newQueue(c.Lot, whose) }

// Queued is how many requests have waited for their turn.
func (c *Conn) Queued() uint64 { return c.queue.queued.Load() }

// Handshake takes the kernel's first request, INIT, and answers it. The
// kernel sends it once and holds everything else back until then. It returns
// the request for those who Adopt the connection later.
func (c *Conn) Handshake() ([]byte, error) {
	for {
		n, err := unix.Read(c.fd, c.slots[0])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", device, err)
		}
		init := bytes.Clone(c.slots[0][:n])
		c.answer(c.server, c.slots[0], make([]byte, replyBufferBytes))
		return init, nil
	}
}

// Adopt makes c the successor of whoever answered init: the same request gets
// the same answer, which the kernel has already.
func (c *Conn) Adopt(init []byte) error {
	servers := []*server{c.server}
	if c.Late != nil {
		c.late, c.spare = newServer(c.Late), newServer(c.Host)
		servers = append(servers, c.late, c.spare)
	}
	for _, server := range servers {
		if _, status := server.HandleRequest([][]byte{init}, [][]byte{make([]byte, replyBufferBytes)}); !status.Ok() {
			return fmt.Errorf("INIT of %d bytes: %v", len(init), status)
		}
	}
	return nil
}

// Serve answers requests until the connection ends, or until stop can be
// read from; -1 for never. First come those that a predecessor left in the
// slots.
//
// There should be more than one reader, because a slow cgroup read must not
// keep the others waiting; but few, because handing a request from thread to
// thread costs more than answering it. A reader that is stuck all the same is
// replaced as long as there is a slot; see crew.
func (c *Conn) Serve(stop int) error {
	crew := newCrew(c, stop)
	crew.start()
	return crew.wait()
}

// AnswerPending answers what a predecessor left in the slots and in Lot.
func (c *Conn) AnswerPending() {
	left := slices.Clone(c.slots)
	lot := lot{memory: c.Lot}
	for _, place := range lot.left() {
		left = append(left, lot.at(place))
	}
	buffer := make([]byte, replyBufferBytes)
	for _, slot := range left {
		if pending(slot) > 0 {
			c.answer(c.server, slot, buffer)
		}
	}
}

// stopped waits for a request or for stop, and tells whether it is the latter.
func stopped(fd, stop int) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}, {Fd: int32(stop), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(fds, -1); err != unix.EINTR {
			return fds[1].Revents != 0
		}
	}
}

// answer replies to the request in slot, and empties the slot.
func (c *Conn) answer(server *server, slot, buffer []byte) {
	c.write(buffer[:server.handle(slot[:pending(slot)], buffer)])
	empty(slot)
}

// write sends a reply to the kernel; FORGET and the like have none.
func (c *Conn) write(reply []byte) {
	if len(reply) == 0 {
		return
	}
	if _, err := unix.Write(c.fd, reply); err != nil && !errors.Is(err, unix.ENOENT) {
		// ENOENT: the caller was interrupted and no longer waits, or a worker
		// before this one has answered it.
		klog.ErrorS(err, "Could not answer a FUSE request")
	}
	if c.Answered != nil {
		c.Answered.Add(1)
	}
}
