// Package ledger is the memory that the holder and its workers share: a memfd
// that the holder keeps. In it are the requests that a worker has taken from
// the kernel and not answered yet, the texts of open files, and the sample
// tables. A worker can be killed between any two instructions, and the next
// one goes on.
package ledger

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/fusedev"
	"github.com/podview/podview/daemon/internal/fusefs"
	"github.com/podview/podview/daemon/internal/sample"
)

// Ledger is the shared memory, mapped.
type Ledger struct {
	file   *os.File
	memory []byte
	slots  int
	cpus   int
}

const (
	// slotBytes is a FUSE request's; a reader takes it straight into the
	// slot, so that there is no moment when a request has been taken and is
	// written down nowhere.
	slotBytes = fusedev.SlotBytes
	// headerBytes: magic, number of slots, number of CPUs, INIT's length, the
	// count of answers, whether there are orphans, then INIT.
	headerBytes        = 4096
	initAt             = 64
	answeredAt         = 32
	orphansAt          = 40
	magic       uint64 = 0x706f64766965_0001 // "podvie", and the layout's version
)

// New makes a Ledger for that many request slots and CPUs.
func New(slots, cpus int) (*Ledger, error) {
	fd, err := unix.MemfdCreate("podview-ledger", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("memfd: %w", err)
	}
	l := &Ledger{file: os.NewFile(uintptr(fd), "ledger"), slots: slots, cpus: cpus}
	if err := unix.Ftruncate(fd, int64(l.size())); err != nil {
		return nil, fmt.Errorf("memfd of %d bytes: %w", l.size(), err)
	}
	// A process that could shrink it would kill the others by SIGBUS.
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL); err != nil {
		return nil, fmt.Errorf("seal the memfd: %w", err)
	}
	if err := l.mmap(); err != nil {
		return nil, err
	}
	for i, n := range []uint64{magic, uint64(slots), uint64(cpus)} {
		binary.NativeEndian.PutUint64(l.memory[8*i:], n)
	}
	return l, nil
}

// Open maps the Ledger that another process made.
func Open(file *os.File) (*Ledger, error) {
	var header [headerBytes]byte
	if _, err := file.ReadAt(header[:], 0); err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	word := func(i int) uint64 { return binary.NativeEndian.Uint64(header[8*i:]) }
	if word(0) != magic || word(1) < 1 || word(1) > 1024 || word(2) < 1 || word(2) > 1<<16 {
		return nil, fmt.Errorf("ledger: header % x is not of this version", header[:24])
	}
	l := &Ledger{file: file, slots: int(word(1)), cpus: int(word(2))}
	return l, l.mmap()
}

func (l *Ledger) size() int {
	return l.keptAt() + fusefs.KeptBytes + sample.StoreBytes(l.cpus)
}

func (l *Ledger) keptAt() int { return headerBytes + l.slots*slotBytes }

func (l *Ledger) mmap() (err error) {
	l.memory, err = unix.Mmap(int(l.file.Fd()), 0, l.size(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map the ledger: %w", err)
	}
	return nil
}

// File is what a worker gets to Open.
func (l *Ledger) File() *os.File { return l.file }

// Slots are the request buffers, one per reader. One whose first word, the
// request's length, is not 0 holds a request without an answer.
func (l *Ledger) Slots() [][]byte {
	slots := make([][]byte, l.slots)
	for i := range slots {
		slots[i] = l.memory[headerBytes+i*slotBytes:][:slotBytes:slotBytes]
	}
	return slots
}

// Store is the sample tables' memory.
func (l *Ledger) Store() *sample.Store {
	return sample.NewStore(l.memory[l.keptAt()+fusefs.KeptBytes:], l.cpus)
}

// Kept is the texts that open files are read from.
func (l *Ledger) Kept() *fusefs.Kept { return fusefs.NewKept(l.memory[l.keptAt():]) }

// SetInit keeps the kernel's INIT request, of which there is only one.
func (l *Ledger) SetInit(request []byte) error {
	if len(request) > headerBytes-initAt {
		return fmt.Errorf("INIT request of %d bytes", len(request))
	}
	copy(l.memory[initAt:], request)
	binary.NativeEndian.PutUint64(l.memory[24:], uint64(len(request)))
	return nil
}

// Init returns the INIT request.
func (l *Ledger) Init() []byte {
	n := min(binary.NativeEndian.Uint64(l.memory[24:]), headerBytes-initAt)
	return l.memory[initAt:][:n]
}

// Answered is a counter that workers raise with each answer; the holder tells
// by it whether a worker came to work at all.
func (l *Ledger) Answered() *atomic.Uint64 {
	return l.word(answeredAt)
}

// Orphans is not 0 while running containers may have mounts of a daemon that
// is gone, or the host's own, and nobody has looked after them yet.
func (l *Ledger) Orphans() *atomic.Uint64 { return l.word(orphansAt) }

func (l *Ledger) word(at int) *atomic.Uint64 {
	return (*atomic.Uint64)(unsafe.Pointer(&l.memory[at])) // aligned: mmap's is, and at
}
