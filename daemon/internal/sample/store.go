package sample

import (
	"encoding/binary"
	"hash/crc32"
	"hash/fnv"
	"sync"
)

// Store keeps records in memory that outlives the process, so that counters
// go on where they were when it is killed at any instruction. The memory is
// an index of keys, then a slot per key; a slot has two halves that are
// written in turn, each with a checksum: a half that was being written when
// the process died is told from a good one.
//
// A page that was once written stays. So counters and load averages have slots
// of their own: the first ones are written as far as the largest record goes, of
// the last ones only the beginning is.
type Store struct {
	mu        sync.Mutex
	memory    []byte
	halfBytes int
	counters  int            // the first so many slots are theirs
	slots     map[uint64]int // key hash → slot
	// freeCounters and freeLoads are slots that no key has.
	freeCounters, freeLoads []int
}

const (
	storeSlots = 2 * maxContainers // most between the first and the last ones are of no use
	indexBytes = storeSlots * 8
	// halfHeaderBytes: sequence number, length, checksum.
	halfHeaderBytes = 8 + 4 + 4
)

// StoreBytes is how much memory a Store needs on a machine with that many
// CPUs. Pages that were never written cost nothing.
func StoreBytes(cpus int) int { return indexBytes + storeSlots*2*storeHalfBytes(cpus) }

// storeHalfBytes holds the largest record: cpuCounters of every CPU.
func storeHalfBytes(cpus int) int { return halfHeaderBytes + 8*(cpuRecordFixed+cpuRecordPerCPU*cpus) }

// NewStore takes memory of StoreBytes(cpus), zeroed or as an earlier Store
// with the same number of CPUs left it.
func NewStore(memory []byte, cpus int) *Store {
	s := &Store{memory: memory, halfBytes: storeHalfBytes(cpus), counters: room(cpus), slots: map[uint64]int{}}
	for slot := storeSlots - 1; slot >= 0; slot-- {
		if hash := binary.NativeEndian.Uint64(memory[slot*8:]); hash != 0 {
			s.slots[hash] = slot
		} else {
			s.release(slot)
		}
	}
	return s
}

// release has a slot for the next record of its kind. Earlier versions have
// used others, too.
func (s *Store) release(slot int) {
	switch {
	case slot < s.counters:
		s.freeCounters = append(s.freeCounters, slot)
	case slot >= storeSlots-maxWatched:
		s.freeLoads = append(s.freeLoads, slot)
	}
}

// recordHash is never 0. kind keeps a container's records apart.
func recordHash(kind string, key Key) uint64 {
	h := fnv.New64a()
	h.Write([]byte(kind))
	h.Write([]byte(key.Root))
	h.Write(binary.NativeEndian.AppendUint64(nil, key.ID))
	h.Write([]byte(key.CPULeaf))
	h.Write([]byte{0}) // no cgroup's name has one
	h.Write([]byte(key.CPUSetLeaf))
	return h.Sum64() | 1
}

// load appends a record's words to dst.
func (s *Store) load(hash uint64, dst []uint64) (words []uint64, ok bool) {
	if s == nil {
		return dst, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	slot, ok := s.slots[hash]
	if !ok {
		return dst, false
	}
	half, _ := s.newest(slot)
	if half == nil {
		return dst, false
	}
	for i := halfHeaderBytes; i < halfHeaderBytes+int(binary.NativeEndian.Uint32(half[8:])); i += 8 {
		dst = append(dst, binary.NativeEndian.Uint64(half[i:]))
	}
	return dst, true
}

// save writes a record; false when it has no room. The index entry comes
// last, so that it never names a slot without a record.
func (s *Store) save(hash uint64, words []uint64) bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	slot, known := s.slots[hash]
	free := &s.freeCounters
	if len(words) <= loadRecordWords {
		free = &s.freeLoads
	}
	if halfHeaderBytes+8*len(words) > s.halfBytes || !known && len(*free) == 0 {
		return false
	}
	if !known {
		slot = (*free)[len(*free)-1]
		*free = (*free)[:len(*free)-1]
		clear(s.half(slot, 0)[:halfHeaderBytes])
		clear(s.half(slot, 1)[:halfHeaderBytes])
	}
	_, sequence := s.newest(slot)
	half := s.half(slot, int(sequence+1)%2)
	binary.NativeEndian.PutUint32(half[8:], uint32(8*len(words)))
	for i, w := range words {
		binary.NativeEndian.PutUint64(half[halfHeaderBytes+8*i:], w)
	}
	binary.NativeEndian.PutUint64(half, sequence+1)
	binary.NativeEndian.PutUint32(half[12:], checksum(half))
	if !known {
		s.slots[hash] = slot
		binary.NativeEndian.PutUint64(s.memory[slot*8:], hash)
	}
	return true
}

func (s *Store) drop(hash uint64) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if slot, ok := s.slots[hash]; ok {
		binary.NativeEndian.PutUint64(s.memory[slot*8:], 0)
		delete(s.slots, hash)
		s.release(slot)
	}
}

func (s *Store) half(slot, i int) []byte {
	at := indexBytes + (2*slot+i)*s.halfBytes
	return s.memory[at : at+s.halfBytes]
}

// newest returns the good half with the highest sequence number; nil and 0
// when there is none.
func (s *Store) newest(slot int) (best []byte, sequence uint64) {
	for i := range 2 {
		half := s.half(slot, i)
		n := binary.NativeEndian.Uint64(half)
		length := binary.NativeEndian.Uint32(half[8:])
		if n > sequence && int(length) <= s.halfBytes-halfHeaderBytes && binary.NativeEndian.Uint32(half[12:]) == checksum(half) {
			best, sequence = half, n
		}
	}
	return best, sequence
}

func checksum(half []byte) uint32 {
	length := binary.NativeEndian.Uint32(half[8:])
	sum := crc32.ChecksumIEEE(half[:12])
	return crc32.Update(sum, crc32.IEEETable, half[halfHeaderBytes:halfHeaderBytes+int(length)])
}
