package fusedev

import (
	"encoding/binary"
	"unsafe"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// Direct is what a file system offers for the requests that a read is made
// of. They are answered past fuse.ProtocolServer, which makes garbage for
// each request and keeps account of those that may be interrupted.
type Direct interface {
	fuse.RawFileSystem
	// ReadAt is Read that puts its data into buf.
	ReadAt(in *fuse.ReadIn, buf []byte) (n int, status fuse.Status)
}

// Opcodes of linux/fuse.h.
const (
	opLookup      = 1
	opForget      = 2
	opOpen        = 14
	opRead        = 15
	opRelease     = 18
	opInit        = 26
	opReleaseDir  = 29
	opInterrupt   = 36
	opDestroy     = 38
	opIoctl       = 39
	opBatchForget = 42
)

// direct answers a request of the common kinds into reply, and returns its
// length. ok is false for those that are the ProtocolServer's. The requests
// are the kernel's structs, and so are go-fuse's types.
func direct(fs Direct, request, reply []byte) (n int, ok bool) {
	if len(request) < requestHeaderBytes {
		return 0, false
	}
	switch binary.NativeEndian.Uint32(request[4:]) {
	case opRead:
		if len(request) < int(unsafe.Sizeof(fuse.ReadIn{})) {
			return 0, false
		}
		in := (*fuse.ReadIn)(unsafe.Pointer(unsafe.SliceData(request)))
		size := min(int(in.Size), len(reply)-replyHeaderBytes)
		n, status := fs.ReadAt(in, reply[replyHeaderBytes:][:size])
		return finish(request, reply, n, status), true
	case opOpen:
		if len(request) < int(unsafe.Sizeof(fuse.OpenIn{})) {
			return 0, false
		}
		out := (*fuse.OpenOut)(unsafe.Pointer(&reply[replyHeaderBytes]))
		*out = fuse.OpenOut{}
		status := fs.Open(nil, (*fuse.OpenIn)(unsafe.Pointer(unsafe.SliceData(request))), out)
		return finish(request, reply, int(unsafe.Sizeof(*out)), status), true
	case opRelease:
		if len(request) < int(unsafe.Sizeof(fuse.ReleaseIn{})) {
			return 0, false
		}
		fs.Release(nil, (*fuse.ReleaseIn)(unsafe.Pointer(unsafe.SliceData(request))))
		return finish(request, reply, 0, fuse.OK), true
	case opInterrupt:
		// No read can be interrupted. ENOSYS makes the kernel not ask again.
		return failure(request, reply, unix.ENOSYS), true
	}
	return 0, false
}

// finish writes the header of a reply with n bytes behind it.
func finish(request, reply []byte, n int, status fuse.Status) int {
	if !status.Ok() {
		return failure(request, reply, unix.Errno(status))
	}
	length := replyHeaderBytes + n
	binary.NativeEndian.PutUint32(reply, uint32(length))
	binary.NativeEndian.PutUint32(reply[4:], 0)
	copy(reply[8:replyHeaderBytes], request[8:16])
	return length
}
