package fusefs

import (
	"encoding/binary"
	"hash/crc32"
	"sync"
)

// Kept is the texts of the handles read last, in memory that outlives the
// process. A file is read in at least two parts, its text and its end; when
// the process dies between them, the next one must not answer the second
// part from another text, of another length perhaps.
type Kept struct {
	mu     sync.Mutex
	memory []byte
	slots  map[uint64]int // handle → slot
	used   [keptSlots]uint64
	clock  uint64 // used[i] is when slot i was written; 0 for a free one
	// owners of the slots, unowned for those of an earlier process.
	owners [keptSlots]uint64
}

const (
	keptSlots = 256
	// keptSlotBytes is a slot's header (handle, request, length, checksum) and
	// text: cpuinfo of some 90 CPUs. Of a longer text only the length is kept.
	// Memory that no text has reached costs nothing.
	keptSlotBytes   = 128 << 10
	keptHeaderBytes = 8 + 8 + 4 + 4
	// KeptBytes is the memory that NewKept needs.
	KeptBytes = keptSlots * keptSlotBytes
	// keptEach slots are for each owner.
	keptEach = 16
)

// NewKept takes KeptBytes of memory, zeroed or as an earlier Kept left it.
func NewKept(memory []byte) *Kept {
	k := &Kept{memory: memory[:KeptBytes], slots: map[uint64]int{}, clock: 1}
	for i := range keptSlots {
		if fh := binary.NativeEndian.Uint64(k.slot(i)); fh != 0 {
			k.slots[fh] = i
			k.used[i] = k.clock
		}
	}
	return k
}

func (k *Kept) slot(i int) []byte {
	return k.memory[i*keptSlotBytes : (i+1)*keptSlotBytes]
}

// choose gives a handle a slot: its own, a free one, or the one that was not
// written for the longest time; among its owner's where that has its share.
func (k *Kept) choose(owner, fh uint64) int {
	i, own := k.slots[fh]
	if !own {
		i = k.oldest(owner)
		delete(k.slots, binary.NativeEndian.Uint64(k.slot(i)))
		k.slots[fh] = i
	}
	k.clock++
	k.used[i] = k.clock
	k.owners[i] = owner
	return i
}

func (k *Kept) oldest(owner uint64) int {
	of, ofOwner, has := 0, -1, 0
	for i, used := range k.used {
		if used < k.used[of] {
			of = i
		}
		if used > 0 && k.owners[i] == owner {
			if has++; ofOwner < 0 || used < k.used[ofOwner] {
				ofOwner = i
			}
		}
	}
	if owner != unowned && has >= keptEach {
		return ofOwner
	}
	return of
}

// drop frees the slot of a handle that was closed.
func (k *Kept) drop(fh uint64) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if i, ok := k.slots[fh]; ok {
		delete(k.slots, fh)
		k.used[i] = 0
		binary.NativeEndian.PutUint64(k.slot(i), 0)
	}
}

// save is saveFor nobody.
func (k *Kept) save(fh, unique uint64, text []byte) []byte {
	return k.saveFor(unowned, fh, unique, text)
}

// saveFor keeps the text that the request unique of a handle is answered from,
// and returns it: another one where the request has a text already, because
// it is being answered twice.
func (k *Kept) saveFor(owner, fh, unique uint64, text []byte) []byte {
	if k == nil {
		return text
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if first, length, ok := k.find(fh, unique, nil); ok && len(first) == length {
		return append(text[:0], first...)
	}
	slot := k.slot(k.choose(owner, fh))
	binary.NativeEndian.PutUint64(slot, fh)
	binary.NativeEndian.PutUint64(slot[8:], requestOf(unique))
	binary.NativeEndian.PutUint32(slot[16:], uint32(len(text)))
	copy(slot[keptHeaderBytes:], text)
	binary.NativeEndian.PutUint32(slot[20:], keptChecksum(slot))
	return text
}

// requestOf drops the bit by which the kernel marks a request that it sends
// again (FUSE_UNIQUE_RESEND).
func requestOf(unique uint64) uint64 { return unique &^ (1 << 63) }

// anyRequest is no request's number.
const anyRequest = 0

// load appends the text that a handle was last answered from to dst, and
// returns its length; only if it was in answer to unique, unless that is
// anyRequest. Where only the length is known, text is dst.
func (k *Kept) load(fh, unique uint64, dst []byte) (text []byte, length int, ok bool) {
	if k == nil {
		return dst, 0, false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.find(fh, unique, dst)
}

// find is load, for those who hold the lock.
func (k *Kept) find(fh, unique uint64, dst []byte) (text []byte, length int, ok bool) {
	i, ok := k.slots[fh]
	if !ok {
		return dst, 0, false
	}
	slot := k.slot(i)
	if binary.NativeEndian.Uint64(slot) != fh ||
		unique != anyRequest && binary.NativeEndian.Uint64(slot[8:]) != requestOf(unique) ||
		binary.NativeEndian.Uint32(slot[20:]) != keptChecksum(slot) {
		return dst, 0, false
	}
	length = int(binary.NativeEndian.Uint32(slot[16:]))
	if length <= keptSlotBytes-keptHeaderBytes {
		dst = append(dst, slot[keptHeaderBytes:keptHeaderBytes+length]...)
	}
	return dst, length, true
}

func keptChecksum(slot []byte) uint32 {
	length := min(int(binary.NativeEndian.Uint32(slot[16:])), keptSlotBytes-keptHeaderBytes)
	sum := crc32.ChecksumIEEE(slot[:20])
	return crc32.Update(sum, crc32.IEEETable, slot[keptHeaderBytes:keptHeaderBytes+length])
}
