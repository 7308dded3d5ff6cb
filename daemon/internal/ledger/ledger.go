// Package ledger is the memory that the holder and its workers share: a memfd
// that the holder keeps. In it are the requests that a worker has taken from
// the kernel and not answered yet, the texts of open files, and the sample
// tables. A worker can be killed between any two instructions, and the next
// one goes on.
package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"
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
	cpus   int
	lock   *os.File // Lock's
	toLock *os.File // PrepareLock's
}

// MaxReaders is how many request slots there are, and so readers at most. A
// daemon can hand its Ledger to one with another number of readers.
const MaxReaders = 16

const (
	// slotBytes is a FUSE request's; a reader takes it straight into the
	// slot, so that there is no moment when a request has been taken and is
	// written down nowhere.
	slotBytes = fusedev.SlotBytes
	// headerBytes: layout, number of CPUs, INIT's length, the count of
	// answers, whether there are orphans, the count of workers, the last
	// handle, the count of lost connections, then INIT; at the end what became
	// of orphans' mounts, and the count of workers that hung.
	headerBytes = 4096
	// lotBytes is whole pages of fusedev.LotBytes, so that what follows begins
	// a page.
	lotBytes    = (fusedev.LotBytes + headerBytes - 1) / headerBytes * headerBytes
	initBytesAt = 16
	answeredAt  = 24
	orphansAt   = 32
	workersAt   = 40
	handleAt    = 48
	lostAt      = 56
	hungAt      = headerBytes - 8
	replacedAt  = headerBytes - 16
	failedAt    = headerBytes - 24
	initAt      = 64
	maxInit     = failedAt - initAt
)

// Layout is "podvie" and the version of what a Ledger looks like; another
// number means that a podview can't read the other's. It rises when anything
// here, in fusefs.Kept or in sample.Store moves.
const Layout uint64 = 0x706f64766965_0005

// New makes a Ledger for that many CPUs.
func New(cpus int) (*Ledger, error) {
	fd, err := unix.MemfdCreate("podview-ledger", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("memfd: %w", err)
	}
	l := &Ledger{file: os.NewFile(uintptr(fd), "ledger"), cpus: cpus}
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
	for i, n := range []uint64{Layout, uint64(cpus)} {
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
	if word(0) != Layout || word(1) < 1 || word(1) > 1<<16 {
		return nil, fmt.Errorf("ledger: header % x is not of this version", header[:16])
	}
	l := &Ledger{file: file, cpus: int(word(1))}
	st, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	if st.Size() != int64(l.size()) {
		return nil, fmt.Errorf("ledger of %d bytes, not %d", st.Size(), l.size())
	}
	return l, l.mmap()
}

// Handle is the last number that an open file was given.
func (l *Ledger) Handle() *atomic.Uint64 { return l.word(handleAt) }

// Close lets go of a Ledger that will not be used.
func (l *Ledger) Close() error {
	return errors.Join(unix.Munmap(l.memory), l.file.Close())
}

// Unserved calls f while no worker serves, if that comes about within the
// timeout.
func (l *Ledger) Unserved(timeout time.Duration, f func()) error {
	own, err := l.open()
	if err != nil {
		return err
	}
	defer own.Close()
	for deadline := time.Now().Add(timeout); ; time.Sleep(5 * time.Millisecond) {
		switch err := unix.Flock(int(own.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
		case err == nil:
			f()
			return nil
		case err != unix.EWOULDBLOCK && err != unix.EINTR:
			return err
		case time.Now().After(deadline):
			return errors.New("another worker serves")
		}
	}
}

// open opens the Ledger's file anew: flock(2) goes by the open file, and all
// who share a Ledger have the one that New opened.
func (l *Ledger) open() (*os.File, error) {
	own, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", l.file.Fd()), os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("open the ledger: %w", err)
	}
	return own, nil
}

// PrepareLock opens what the next Lock locks, for a process that may not open
// it then.
func (l *Ledger) PrepareLock() (err error) {
	l.toLock, err = l.open()
	return err
}

// Lock returns when no other process holds the lock, which ends with the
// process that has it. Only a worker that has it serves, whatever daemon it
// belongs to: two would write in the same slots.
func (l *Ledger) Lock() (err error) {
	if l.toLock == nil {
		if err := l.PrepareLock(); err != nil {
			return err
		}
	}
	for {
		if err = unix.Flock(int(l.toLock.Fd()), unix.LOCK_EX); err != unix.EINTR {
			break
		}
	}
	l.lock, l.toLock = l.toLock, nil // open as long as the process lives
	return err
}

func (l *Ledger) size() int {
	return l.keptAt() + fusefs.KeptBytes + sample.StoreBytes(l.cpus)
}

func (l *Ledger) lotAt() int { return headerBytes + MaxReaders*slotBytes }

func (l *Ledger) keptAt() int { return l.lotAt() + lotBytes }

func (l *Ledger) mmap() (err error) {
	l.memory, err = unix.Mmap(int(l.file.Fd()), 0, l.size(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map the ledger: %w", err)
	}
	return nil
}

// File is what a worker gets to Open.
func (l *Ledger) File() *os.File { return l.file }

// Slots are the request buffers, one for each possible reader. One whose first word, the
// request's length, is not 0 holds a request without an answer.
func (l *Ledger) Slots() [][]byte {
	slots := make([][]byte, MaxReaders)
	for i := range slots {
		slots[i] = l.memory[headerBytes+i*slotBytes:][:slotBytes:slotBytes]
	}
	return slots
}

// Lot is for requests that wait for their turn (fusedev.Conn).
func (l *Ledger) Lot() []byte { return l.memory[l.lotAt():][:lotBytes:lotBytes] }

// Store is the sample tables' memory.
func (l *Ledger) Store() *sample.Store {
	return sample.NewStore(l.memory[l.keptAt()+fusefs.KeptBytes:], l.cpus)
}

// Kept is the texts that open files are read from.
func (l *Ledger) Kept() *fusefs.Kept { return fusefs.NewKept(l.memory[l.keptAt():]) }

// SetInit keeps the kernel's INIT request, of which there is only one.
func (l *Ledger) SetInit(request []byte) error {
	if len(request) > maxInit {
		return fmt.Errorf("INIT request of %d bytes", len(request))
	}
	copy(l.memory[initAt:], request)
	binary.NativeEndian.PutUint64(l.memory[initBytesAt:], uint64(len(request)))
	return nil
}

// Init returns the INIT request.
func (l *Ledger) Init() []byte {
	n := min(binary.NativeEndian.Uint64(l.memory[initBytesAt:]), maxInit)
	return l.memory[initAt:][:n]
}

// Answered is a counter that workers raise with each answer; the holder tells
// by it whether a worker came to work at all.
func (l *Ledger) Answered() *atomic.Uint64 {
	return l.word(answeredAt)
}

// Orphans is not 0 while running containers may have mounts of a daemon that
// is gone, or the host's own, and nobody has looked after them yet. It is
// raised for each reason there is to look.
func (l *Ledger) Orphans() *atomic.Uint64 { return l.word(orphansAt) }

// Replaced and Failed are the orphans' mounts that were, and that could not be.
func (l *Ledger) Replaced() *atomic.Uint64 { return l.word(replacedAt) }

// Failed: see Replaced.
func (l *Ledger) Failed() *atomic.Uint64 { return l.word(failedAt) }

// Workers is how many workers were let in.
func (l *Ledger) Workers() *atomic.Uint64 { return l.word(workersAt) }

// Lost is how many connections were ended under podview.
func (l *Ledger) Lost() *atomic.Uint64 { return l.word(lostAt) }

// Hung is how many workers were killed because they answered nothing.
func (l *Ledger) Hung() *atomic.Uint64 { return l.word(hungAt) }

// Reconnect prepares for another connection: what was asked on the one that
// is lost will not be asked again, nor the files closed that were open there.
// No worker may be at work.
func (l *Ledger) Reconnect() error {
	fusedev.Forget(l.Slots(), l.Lot())
	l.Lost().Add(1)
	l.Orphans().Add(1)
	// Writing zeros would cost the memory that they take.
	const hole = unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE
	if err := unix.Fallocate(int(l.file.Fd()), hole, int64(l.keptAt()), fusefs.KeptBytes); err != nil {
		return fmt.Errorf("empty the ledger: %w", err)
	}
	return nil
}

func (l *Ledger) word(at int) *atomic.Uint64 {
	return (*atomic.Uint64)(unsafe.Pointer(&l.memory[at])) // aligned: mmap's is, and at
}
