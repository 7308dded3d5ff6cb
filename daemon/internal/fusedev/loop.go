package fusedev

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"sync"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
	"k8s.io/klog/v2"
)

// Conn is one FUSE connection being served.
type Conn struct {
	fd     int
	server *fuse.ProtocolServer
}

// maxWriteBytes is the least the kernel takes; nobody can write here. It
// bounds the read buffer (fs/fuse/dev.c, fuse_dev_do_read: FUSE_MIN_READ_BUFFER).
const (
	maxWriteBytes   = 4096
	readBufferBytes = 8192 + maxWriteBytes
	// replyBufferBytes holds a full READ behind its header.
	replyBufferBytes = maxReadBytes + 4096
)

// NewConn serves fs on fd, a FUSE device with a mounted connection.
func NewConn(fd int, fs fuse.RawFileSystem) *Conn {
	return &Conn{fd: fd, server: fuse.NewProtocolServer(fs, &fuse.MountOptions{
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

// Serve answers requests with that many reader threads until the connection
// ends. More than one reader, because a slow cgroup read must not keep the
// others waiting; few, because handing a request from thread to thread costs
// more than answering it.
//
// The kernel holds everything else back until its first request, INIT, is
// answered.
func (c *Conn) Serve(readers int) error {
	errs := make([]error, readers)
	var wg sync.WaitGroup
	for i := range readers {
		wg.Go(func() { errs[i] = c.read() })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// read is one reader: plain blocking system calls, no poller.
func (c *Conn) read() error {
	request := make([]byte, readBufferBytes)
	reply := make([]byte, replyBufferBytes)
	for {
		n, err := unix.Read(c.fd, request)
		switch {
		case err == nil:
			c.answer(request[:n], reply)
		case errors.Is(err, unix.ENODEV): // unmounted
			return nil
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENOENT):
			// ENOENT: the caller was killed before we took its request.
		default:
			return fmt.Errorf("read %s: %w", device, err)
		}
	}
}

func (c *Conn) answer(request, reply []byte) {
	n, status := c.server.HandleRequest([][]byte{request}, [][]byte{reply})
	if !status.Ok() {
		klog.ErrorS(fmt.Errorf("%v", status), "Could not parse a FUSE request", "bytes", len(request))
		n = failure(request, reply)
	}
	if n == 0 { // FORGET and the like have no reply
		return
	}
	if _, err := unix.Write(c.fd, reply[:n]); err != nil && !errors.Is(err, unix.ENOENT) {
		// ENOENT: the caller was interrupted and no longer waits.
		klog.ErrorS(err, "Could not answer a FUSE request")
	}
}

// failure writes the reply EIO to a request that go-fuse did not understand,
// because a caller without a reply waits for ever. It returns the length.
func failure(request, reply []byte) int {
	if len(request) < requestHeaderBytes {
		return 0
	}
	binary.NativeEndian.PutUint32(reply[0:], replyHeaderBytes)
	binary.NativeEndian.PutUint32(reply[4:], ^uint32(unix.EIO)+1) // errors are negative
	copy(reply[8:replyHeaderBytes], request[8:16])                // unique, the request's number
	return replyHeaderBytes
}

// Sizes of struct fuse_in_header and fuse_out_header (linux/fuse.h).
const (
	requestHeaderBytes = 40
	replyHeaderBytes   = 16
)
