package fusedev

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"sync"
	"sync/atomic"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
	"k8s.io/klog/v2"
)

// Conn is one FUSE connection being served.
type Conn struct {
	fd     int
	server *fuse.ProtocolServer
	slots  [][]byte
	// Answered, if not nil, is raised with each reply. It may be in memory
	// shared with the holder.
	Answered *atomic.Uint64
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

// NewConn serves fs on fd, a FUSE device with a mounted connection, with one
// reader for each slot. A reader takes requests from the kernel straight into
// its slot, and sets the first word there to 0 when it has answered: in memory
// that outlives the process, a request that was taken is never lost.
func NewConn(fd int, fs fuse.RawFileSystem, slots [][]byte) *Conn {
	return &Conn{fd: fd, slots: slots, server: fuse.NewProtocolServer(fs, &fuse.MountOptions{
		MaxWrite:           maxWriteBytes,
		DisableReadDirPlus: true,
		// MAX_PAGES would shrink reads to MaxWrite; without it they may be
		// 32 pages (FUSE_DEFAULT_MAX_PAGES_PER_REQ).
		DisabledCapabilities: fuse.CAP_MAX_PAGES,
		Logger:               quietLogger(),
		PanicHandler: func(r any) fuse.Status {
			klog.ErrorS(fmt.Errorf("%v", r), "Request handler panicked")
			return fuse.EIO
		},
	})}
}

// quietLogger drops go-fuse's complaints: unknown opcodes are answered with
// ENOSYS, which is all there is to say.
func quietLogger() *log.Logger { return log.New(io.Discard, "", 0) }

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
		c.answer(c.slots[0], make([]byte, replyBufferBytes))
		return init, nil
	}
}

// Adopt makes c the successor of whoever answered init: the same request gets
// the same answer, which the kernel has already.
func (c *Conn) Adopt(init []byte) error {
	if _, status := c.server.HandleRequest([][]byte{init}, [][]byte{make([]byte, replyBufferBytes)}); !status.Ok() {
		return fmt.Errorf("INIT of %d bytes: %v", len(init), status)
	}
	return nil
}

// Serve answers requests until the connection ends, or until stop can be
// read from; -1 for never. First come those that a predecessor left in the
// slots.
//
// There should be more than one reader, because a slow cgroup read must not
// keep the others waiting; but few, because handing a request from thread to
// thread costs more than answering it.
func (c *Conn) Serve(stop int) error {
	c.AnswerPending()
	errs := make([]error, len(c.slots))
	var wg sync.WaitGroup
	for i, slot := range c.slots {
		wg.Go(func() { errs[i] = c.read(slot, stop) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// AnswerPending answers what a predecessor left in the slots.
func (c *Conn) AnswerPending() {
	for _, slot := range c.slots {
		if pending(slot) > 0 {
			c.answer(slot, make([]byte, replyBufferBytes))
		}
	}
}

// read is one reader: plain blocking system calls, no poller.
func (c *Conn) read(slot []byte, stop int) error {
	reply := make([]byte, replyBufferBytes)
	for {
		if stop >= 0 && stopped(c.fd, stop) {
			return nil
		}
		_, err := unix.Read(c.fd, slot)
		switch {
		case err == nil:
			c.answer(slot, reply)
		case errors.Is(err, unix.ENODEV): // unmounted
			return nil
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENOENT):
			// ENOENT: the caller was killed before we took its request.
		default:
			return fmt.Errorf("read %s: %w", device, err)
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
func (c *Conn) answer(slot, reply []byte) {
	defer binary.NativeEndian.PutUint32(slot, 0)
	request := slot[:pending(slot)]
	if isPollHack(request) {
		n := failure(request, reply, unix.ENOENT)
		_, _ = unix.Write(c.fd, reply[:n])
		return
	}
	n, status := c.server.HandleRequest([][]byte{request}, [][]byte{reply})
	if !status.Ok() {
		klog.ErrorS(fmt.Errorf("%v", status), "Could not parse a FUSE request", "bytes", len(request))
		n = failure(request, reply, unix.EIO)
	}
	if n == 0 { // FORGET and the like have no reply
		return
	}
	if _, err := unix.Write(c.fd, reply[:n]); err != nil && !errors.Is(err, unix.ENOENT) {
		// ENOENT: the caller was interrupted and no longer waits.
		klog.ErrorS(err, "Could not answer a FUSE request")
	}
	if c.Answered != nil {
		c.Answered.Add(1)
	}
}
