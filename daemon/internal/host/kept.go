package host

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Kept bounds how many descriptors all Files of a process keep open.
type Kept struct {
	max  atomic.Int64
	open atomic.Int64

	mu     sync.Mutex
	sweeps []func()
	spares []func() bool
	parts  []*Kept
	whole  *Kept // of a part
}

// NewKept allows max descriptors, but leaves half of what the process may
// have (RLIMIT_NOFILE) to others.
func NewKept(max int) *Kept {
	k := &Kept{}
	k.max.Store(int64(max))
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err == nil && limit.Cur/2 < uint64(max) {
		k.max.Store(int64(limit.Cur / 2))
	}
	return k
}

// Part takes a share of the bound, for Files that must not crowd out others.
func (k *Kept) Part(max int) *Kept {
	k.mu.Lock()
	defer k.mu.Unlock()
	part := &Kept{whole: k}
	part.max.Store(min(int64(max), k.max.Load()))
	k.max.Add(-part.max.Load())
	k.parts = append(k.parts, part)
	return part
}

// Max is the bound, without its parts.
func (k *Kept) Max() int { return int(k.max.Load()) }

// Open is how many files are kept now; those remembered as missing count too.
func (k *Kept) Open() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	open := int(k.open.Load())
	for _, part := range k.parts {
		open += part.Open()
	}
	return open
}

// Sweep closes what nobody has read since the Sweep before.
func (k *Kept) Sweep() {
	k.mu.Lock()
	sweeps, parts := k.sweeps, k.parts
	k.mu.Unlock()
	for _, part := range parts {
		part.Sweep()
	}
	for _, sweep := range sweeps {
		sweep()
	}
}

// Spare closes a file that is kept, so that another can be opened. It is false
// when there is none.
func (k *Kept) Spare() bool {
	if k.whole != nil {
		return k.whole.Spare()
	}
	return k.spare()
}

func (k *Kept) spare() bool {
	k.mu.Lock()
	spares, parts := k.spares, k.parts
	k.mu.Unlock()
	return slices.ContainsFunc(spares, func(spare func() bool) bool { return spare() }) ||
		slices.ContainsFunc(parts, (*Kept).spare)
}

// Opened calls open again, with a kept file less each time, as long as no
// descriptor is free for it.
func (k *Kept) Opened(open func() error) (err error) {
	const tries = 64 // some may be closed later, by who reads them
	for range tries {
		if err = open(); !errors.Is(err, unix.EMFILE) && !errors.Is(err, unix.ENFILE) || !k.Spare() {
			break
		}
	}
	return err
}

func (k *Kept) add(sweep func(), spare func() bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sweeps = append(k.sweeps[:len(k.sweeps):len(k.sweeps)], sweep)
	k.spares = append(k.spares[:len(k.spares):len(k.spares)], spare)
}
