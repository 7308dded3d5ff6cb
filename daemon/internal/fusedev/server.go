package fusedev

import (
	"fmt"
	"io"
	"log"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
	"k8s.io/klog/v2"
)

// server answers from one file system.
type server struct {
	*fuse.ProtocolServer
	direct Direct // nil for a file system that is not one
}

func newServer(fs fuse.RawFileSystem) *server {
	s := &server{}
	s.direct, _ = fs.(Direct)
	s.ProtocolServer = fuse.NewProtocolServer(fs, &fuse.MountOptions{
		MaxWrite:           maxWriteBytes,
		DisableReadDirPlus: true,
		// Kernels since 6.12 then let mounts of our files be idmapped. Requests
		// through such a mount have no uid, which nothing here looks at.
		IDMappedMount: true,
		// MAX_PAGES would shrink reads to MaxWrite; without it they may be
		// 32 pages (FUSE_DEFAULT_MAX_PAGES_PER_REQ).
		DisabledCapabilities: fuse.CAP_MAX_PAGES,
		Logger:               quietLogger(),
		PanicHandler: func(r any) fuse.Status {
			klog.ErrorS(fmt.Errorf("%v", r), "Request handler panicked")
			return fuse.EIO
		},
	})
	return s
}

// quietLogger drops go-fuse's complaints: unknown opcodes are answered with
// ENOSYS, which is all there is to say.
func quietLogger() *log.Logger { return log.New(io.Discard, "", 0) }

// handle writes the reply to a request, and returns its length: 0 for none.
func (s *server) handle(request, reply []byte) (n int) {
	defer func() {
		if r := recover(); r != nil {
			klog.ErrorS(fmt.Errorf("%v", r), "Request handler panicked")
			n = failure(request, reply, unix.EIO)
		}
	}()
	if isPollHack(request) {
		return failure(request, reply, unix.ENOENT)
	}
	if s.direct != nil {
		if n, ok := direct(s.direct, request, reply); ok {
			return n
		}
	}
	n, status := s.HandleRequest([][]byte{request}, [][]byte{reply})
	if !status.Ok() {
		klog.ErrorS(fmt.Errorf("%v", status), "Could not parse a FUSE request", "bytes", len(request))
		n = failure(request, reply, unix.EIO)
	}
	return n
}
