package fusedev

import (
	"encoding/binary"
	"sync/atomic"
	"unsafe"
)

// lot is where the bytes of requests are that wait in the queue. Its memory
// outlives the process, as a slot does: what a worker that died had taken, the
// next one finds there, where the kernel does not send it again.
type lot struct {
	memory []byte
	free   []int // places below the mark that are empty
}

const (
	// placeBytes holds any request that has no data of its own: a name has 255
	// bytes at most.
	placeBytes = 320
	// places is more than threads wait at a time on a node, but for an attack
	// with more than that; then the rest is answered as it comes.
	places = 1 << 14
	// lotHeaderBytes: the mark, how many places have ever been used. Beyond it
	// the memory was never touched, and takes none.
	lotHeaderBytes = 64
	// LotBytes is the size of the memory.
	LotBytes = lotHeaderBytes + places*placeBytes
)

func (l *lot) mark() *atomic.Uint64 {
	return (*atomic.Uint64)(unsafe.Pointer(unsafe.SliceData(l.memory))) // aligned: it begins a page or an allocation
}

// used is how many places may hold something.
func (l *lot) used() int {
	if len(l.memory) < LotBytes {
		return 0
	}
	return int(min(l.mark().Load(), places))
}

func (l *lot) at(place int) []byte {
	return l.memory[lotHeaderBytes+place*placeBytes:][:placeBytes:placeBytes]
}

// left is the places of requests that somebody else has left, and makes the
// others free.
func (l *lot) left() (left []int) {
	l.free = l.free[:0]
	for place := range l.used() {
		switch n := pending(l.at(place)); {
		case n == 0:
			l.free = append(l.free, place)
		case n < requestHeaderBytes: // no request: the memory was written by nobody of us
			empty(l.at(place))
			l.free = append(l.free, place)
		default:
			left = append(left, place)
		}
	}
	return left
}

// Waits tells whether requests wait for their turn in a Conn's Lot.
func Waits(memory []byte) bool {
	l := lot{memory: memory}
	for place := range l.used() {
		if lengthOf(l.at(place)).Load() != 0 {
			return true
		}
	}
	return false
}

// park copies a request; ok is false where there is no room.
func (l *lot) park(request []byte) (place int, ok bool) {
	if len(request) > placeBytes {
		return 0, false
	}
	if n := len(l.free); n > 0 {
		place = l.free[n-1]
		l.free = l.free[:n-1]
	} else {
		if place = l.used(); len(l.memory) < LotBytes || place == places {
			return 0, false
		}
		l.mark().Store(uint64(place + 1))
	}
	l.copy(l.at(place), request)
	return place, true
}

// leave moves a request into a slot.
func (l *lot) leave(place int, slot []byte) {
	from := l.at(place)
	l.copy(slot, from[:pending(from)])
	empty(from)
	l.free = append(l.free, place)
}

// copy writes the length last: a process that is killed in between leaves no
// half of a request.
func (l *lot) copy(dst, request []byte) {
	copy(dst[4:], request[4:])
	lengthOf(dst).Store(uint32(len(request)))
}

func lengthOf(slot []byte) *atomic.Uint32 {
	return (*atomic.Uint32)(unsafe.Pointer(unsafe.SliceData(slot)))
}

// empty takes the request out of a slot.
func empty(slot []byte) { binary.NativeEndian.PutUint32(slot, 0) }
