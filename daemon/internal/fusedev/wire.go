package fusedev

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// isPollHack tells a LOOKUP of a file that go-fuse has in every root, for a
// problem of Go's poller that plain system calls don't have.
func isPollHack(request []byte) bool {
	return len(request) > requestHeaderBytes && binary.NativeEndian.Uint32(request[4:]) == opLookup &&
		string(request[requestHeaderBytes:]) == ".go-fuse-epoll-hack\x00"
}

// failure writes an error as the reply to a request, and returns its length.
// A caller without a reply waits for ever.
func failure(request, reply []byte, errno unix.Errno) int {
	if len(request) < requestHeaderBytes {
		return 0
	}
	binary.NativeEndian.PutUint32(reply[0:], replyHeaderBytes)
	binary.NativeEndian.PutUint32(reply[4:], ^uint32(errno)+1) // errors are negative
	copy(reply[8:replyHeaderBytes], request[8:16])             // unique, the request's number
	return replyHeaderBytes
}

// Sizes of struct fuse_in_header and fuse_out_header (linux/fuse.h).
const (
	requestHeaderBytes = 40
	replyHeaderBytes   = 16
)

// pending is the length of the request in a slot, 0 for none.
func pending(slot []byte) int {
	return int(min(binary.NativeEndian.Uint32(slot), uint32(len(slot))))
}

// uniqueOf is the number of the request in a slot, never 0.
func uniqueOf(slot []byte) uint64 { return binary.NativeEndian.Uint64(slot[8:]) }

// RequestIn is the number of the request that is in a slot and has no answer,
// as it was when it was first sent; 0 for none.
func RequestIn(slot []byte) uint64 {
	if pending(slot) < requestHeaderBytes {
		return 0
	}
	const resent = 1 << 63 // FUSE_UNIQUE_RESEND
	return uniqueOf(slot) &^ resent
}

// callerOf is the thread that a request is from, 0 for one that can't be seen.
func callerOf(slot []byte) uint32 { return binary.NativeEndian.Uint32(slot[32:]) }

// Forget drops the requests in the slots and in a Conn's Lot, when the kernel
// will send them again.
func Forget(slots [][]byte, memory []byte) {
	for _, slot := range slots {
		empty(slot)
	}
	lot := lot{memory: memory}
	for place := range lot.used() {
		empty(lot.at(place))
	}
}

// Resend makes the kernel send again what was taken and not answered. It is
// unix.EINVAL before Linux 6.9; the slots are all there is then.
func Resend(fd int) error {
	notify := make([]byte, replyHeaderBytes)
	binary.NativeEndian.PutUint32(notify, replyHeaderBytes)
	binary.NativeEndian.PutUint32(notify[4:], notifyResend)
	_, err := unix.Write(fd, notify)
	return err
}

// notifyResend is FUSE_NOTIFY_RESEND (linux/fuse.h).
const notifyResend = 7
