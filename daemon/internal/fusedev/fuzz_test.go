package fusedev_test

import (
	"encoding/binary"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/fusedev"
)

// What the fuzzer's bytes are: for each message flags, its length and itself.
const (
	messageHeader = 3
	maxMessages   = 12
	// maxFuzzBytes is less than a socket keeps.
	maxFuzzBytes = 48 << 10
	// asKernel gives a message the length word that the kernel writes.
	asKernel = 1 << 0
	// resent sends it again at the end.
	resent = 1 << 1
)

func messages(input []byte) (list [][]byte) {
	var again [][]byte
	for input = input[:min(len(input), maxFuzzBytes)]; len(input) > messageHeader && len(list) < maxMessages; {
		flags := input[0]
		n := min(int(binary.LittleEndian.Uint16(input[1:])), len(input)-messageHeader, fusedev.SlotBytes)
		m := slices.Clone(input[messageHeader : messageHeader+n])
		input = input[messageHeader+n:]
		if n == 0 { // a socket's end of file
			continue
		}
		if flags&asKernel != 0 && n >= 4 {
			binary.NativeEndian.PutUint32(m, uint32(n))
		}
		list = append(list, m)
		if flags&resent != 0 && n >= 16 {
			m = slices.Clone(m)
			m[15] |= 1 << 7 // FUSE_UNIQUE_RESEND
			again = append(again, m)
		}
	}
	return append(list, again...)
}

func input(flags byte, messages ...[]byte) (input []byte) {
	for _, m := range messages {
		input = append(input, flags)
		input = binary.LittleEndian.AppendUint16(input, uint16(len(m)))
		input = append(input, m...)
	}
	return input
}

func addRequests(f *testing.F) {
	requests := recorded(f)
	for _, r := range requests {
		f.Add(input(asKernel, r))
		f.Add(input(0, r[:len(r)-1]))
		f.Add(input(asKernel, r[:len(r)/2]))
		f.Add(input(asKernel|resent, r, r))
	}
	slices.Reverse(requests)
	for part := range slices.Chunk(requests, 6) {
		f.Add(input(asKernel, part...))
		f.Add(input(resent, part...))
	}
	// A file is closed, and another one is read from its middle.
	f.Add(input(asKernel, read(1, 11, 0), release(11), read(2, 12, 5), read(3, 13, textBytes-1), read(3, 13, 1<<63), read(3, 13, 5)))
	huge := request(opReaddir, 5, 40)
	binary.NativeEndian.PutUint32(huge[56:], 1<<32-1)
	f.Add(input(asKernel, huge))
	f.Add(input(0, request(opRead, 1, 24), []byte{80, 0, 0, 0}))
	f.Add(input(0, []byte{0}, make([]byte, fusedev.SlotBytes)))
}

// read is one of /proc/meminfo by a thread.
func read(tid uint32, handle, offset uint64) []byte {
	r := request(opRead, 100+uint64(tid), 40)
	binary.NativeEndian.PutUint64(r[16:], meminfo)
	binary.NativeEndian.PutUint32(r[32:], tid)
	binary.NativeEndian.PutUint64(r[40:], handle)
	binary.NativeEndian.PutUint64(r[48:], offset)
	binary.NativeEndian.PutUint32(r[56:], 4096)
	r[60] = 2 // FUSE_READ_LOCKOWNER
	return r
}

func release(handle uint64) []byte {
	r := request(opRelease, 200, 24)
	binary.NativeEndian.PutUint64(r[40:], handle)
	return r
}

// FuzzDevice sends what a kernel could, and what none does, to a connection
// that is served. Each request that wants an answer gets one, with its number
// and of its own container, and the slot is empty then.
func FuzzDevice(f *testing.F) { fuzzDevice(f, func(*fusedev.Conn) {}, func(*fusedev.Conn) {}) }

// FuzzQueue is FuzzDevice with requests that wait for their turn.
func FuzzQueue(f *testing.F) {
	fuzzDevice(f, func(c *fusedev.Conn) {
		c.Lot = make([]byte, fusedev.LotBytes)
		c.TakeTurns(func(tid int) uint64 { return uint64(letter(tid)) })
	}, (*fusedev.Conn).PileUp)
}

func fuzzDevice(f *testing.F, prepare, before func(*fusedev.Conn)) {
	addRequests(f)
	d, slots := newDevice(f), fusedev.NewSlots(3)
	c := d.connect(f, slots)
	c.Readers = 1
	prepare(c)
	ended := make(chan error, 1)
	stop := make([]int, 2)
	if err := unix.Pipe2(stop, unix.O_CLOEXEC); err != nil {
		f.Fatal(err)
	}
	go func() { ended <- c.Serve(stop[0]) }()
	f.Cleanup(func() {
		unix.Close(stop[1])
		_ = unix.Shutdown(d.kernel, unix.SHUT_RDWR) // for a reader that is past stop
		if err := <-ended; err != nil {
			f.Error(err)
		}
		unix.Close(stop[0])
	})
	const fenceNumber = 1<<62 + 1
	f.Fuzz(func(t *testing.T, bytes []byte) {
		// The last one is answered last, so that an answer too many is seen.
		requests := append(messages(bytes), request(opGetattr, fenceNumber, 16))
		before(c)
		for _, r := range requests {
			d.note(r)
			if err := unix.Send(d.kernel, r, 0); err != nil {
				t.Fatal(err)
			}
		}
		d.collect(t, requests)
		for deadline := time.Now().Add(time.Minute); !raced && slices.ContainsFunc(slots, taken); time.Sleep(10 * time.Microsecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the slots are not empty after %x", requests)
			}
		}
	})
}

// FuzzSlots leaves bytes in a slot, as a worker that was killed does.
func FuzzSlots(f *testing.F) {
	debug.SetGCPercent(1000) // each answer has a buffer of megabytes
	for _, r := range recorded(f) {
		f.Add(r)
		f.Add(r[:len(r)/2])
	}
	d, slots := newDevice(f), fusedev.NewSlots(2)
	c := d.connect(f, slots)
	f.Fuzz(func(t *testing.T, bytes []byte) {
		slot := slots[1]
		copy(slot, bytes)
		left := slices.Clone(slot[:min(uint64(binary.NativeEndian.Uint32(slot)), fusedev.SlotBytes)])
		d.note(left)
		c.AnswerPending()
		d.collect(t, [][]byte{left})
		if slices.ContainsFunc(slots, taken) {
			t.Fatalf("the slots are not empty after %x", left)
		}
	})
}

func taken(slot []byte) bool { return binary.NativeEndian.Uint32(slot) != 0 }
