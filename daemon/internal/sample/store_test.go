package sample

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/view"
)

func TestStoreOutlivesTheProcess(t *testing.T) {
	memory := make([]byte, StoreBytes(2))
	first := NewStore(memory, 2)
	for i := range uint64(100) {
		if !first.save(i+1, []uint64{i, i * i}) || !first.save(i+1, []uint64{i, i * i * i}) {
			t.Fatal("no room")
		}
	}
	first.drop(7)
	second := NewStore(memory, 2)
	for i := range uint64(100) {
		words, ok := second.load(i+1, nil)
		if want := []uint64{i, i * i * i}; i != 6 && (!ok || !slices.Equal(words, want)) || i == 6 && ok {
			t.Errorf("record %d: %d, %t; want %d", i+1, words, ok, want)
		}
	}
}

// TestStoreSurvivesAKillAtAnyByte: of the newer record, any prefix may have
// been written.
func TestStoreSurvivesAKillAtAnyByte(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	before := make([]byte, StoreBytes(1))
	s := NewStore(before, 1)
	old, new := []uint64{1, 2, 3}, []uint64{4, 5, 6}
	s.save(9, old)
	after := slices.Clone(before)
	NewStore(after, 1).save(9, new)
	var changed []int
	for i := range before {
		if before[i] != after[i] {
			changed = append(changed, i)
		}
	}
	for range 1000 {
		torn := slices.Clone(before)
		for _, i := range changed { // stores may reach memory in any order
			if rnd.IntN(2) == 0 {
				torn[i] = after[i]
			}
		}
		words, ok := NewStore(torn, 1).load(9, nil)
		if !ok || !slices.Equal(words, old) && !slices.Equal(words, new) {
			t.Fatalf("a torn write is read as %d, %t", words, ok)
		}
	}
}

func TestStoreIsBounded(t *testing.T) {
	const cpus = 128
	memory := make([]byte, StoreBytes(cpus))
	s := NewStore(memory, cpus)
	for kind, tc := range map[string]struct{ words, slots, first int }{
		"load averages": {loadRecordWords, maxWatched, 1},
		"counters":      {cpuRecordFixed + cpuRecordPerCPU*cpus, room(cpus), 1 << 20},
	} {
		record := func(i int) []uint64 { return slices.Repeat([]uint64{uint64(tc.first + i)}, tc.words) }
		for i := range tc.slots {
			for range 2 { // into both halves
				if !s.save(uint64(tc.first+i), record(i)) {
					t.Fatalf("%s: no room for record %d", kind, i)
				}
			}
		}
		if s.save(uint64(tc.first+tc.slots), record(0)) {
			t.Errorf("%s: one more than there are slots", kind)
		}
		if s.save(uint64(tc.first), make([]uint64, cpuRecordFixed+cpuRecordPerCPU*cpus+1)) {
			t.Errorf("%s: a record longer than a slot", kind)
		}
		s.drop(uint64(tc.first))
		if !s.save(uint64(tc.first), record(0)) {
			t.Errorf("%s: a dropped slot was not used again", kind)
		}
		next := NewStore(memory, cpus)
		for i := range tc.slots {
			if words, ok := next.load(uint64(tc.first+i), nil); !ok || !slices.Equal(words, record(i)) {
				t.Fatalf("%s: record %d is %d, %t", kind, i, words, ok)
			}
		}
	}
}

// TestStoreOfAnEarlierVersion: it has put records wherever there was room.
func TestStoreOfAnEarlierVersion(t *testing.T) {
	memory := make([]byte, StoreBytes(128))
	record := slices.Clip(slices.Repeat([]uint64{7}, cpuRecordFixed))
	earlier := NewStore(memory, 128)
	for i, slot := range []int{0, room(128), storeSlots - maxWatched - 1, storeSlots - 1} {
		earlier.freeCounters = []int{slot}
		earlier.save(uint64(i+1), record)
	}
	s := NewStore(memory, 128)
	for i := range uint64(4) {
		if words, ok := s.load(i+1, nil); !ok || !slices.Equal(words, record) {
			t.Errorf("record %d is %d, %t", i+1, words, ok)
		}
		if !s.save(i+1, append(record[1:], 8)) {
			t.Errorf("record %d can't be changed", i+1)
		}
		s.drop(i + 1)
	}
	if len(s.freeCounters) != room(128) || len(s.freeLoads) != maxWatched {
		t.Errorf("%d and %d slots are free", len(s.freeCounters), len(s.freeLoads))
	}
}

// TestCountersGoOnInTheNextProcess: the counters that were shown are the
// least that the next process shows, under whatever limits.
func TestCountersGoOnInTheNextProcess(t *testing.T) {
	memory := make([]byte, StoreBytes(4))
	b := bench{now: 100 * nsecPerSec, cpus: cpus(4, 4)}
	b.table.Store = NewStore(memory, 4)
	b.read(10 * nsecPerSec)
	b.now += 5 * nsecPerSec
	b.user += 2 * nsecPerSec
	b.cpus = cpus(1, 0.5) // the counters of three CPUs move to the first
	before := b.read(15 * nsecPerSec)

	b.table = CPUTable{Store: NewStore(memory, 4)}
	b.now += nsecPerSec
	after := b.read(16 * nsecPerSec)
	if len(after) != 1 || after[0].IdleNsec != before[0].IdleNsec+nsecPerSec/2 || after[0].UserNsec != before[0].UserNsec {
		t.Errorf("from %+v to %+v in an idle second of half a CPU", before, after)
	}
}

func TestLoadGoesOnInTheNextProcess(t *testing.T) {
	memory := make([]byte, StoreBytes(1))
	var first LoadTable
	first.Store = NewStore(memory, 1)
	first.Watch(Key{}, 1, 3600*nsecPerSec, Threads{Running: 3}, count)
	second := LoadTable{Store: NewStore(memory, 1)}
	if got := averages(second.Watch(Key{}, 1+nsecPerSec, 3600*nsecPerSec, Threads{}, count)); got[0] < 2.9 || got[2] < 2.9 {
		t.Errorf("averages of 3.00 became %v in a second", got)
	}
}

func FuzzSetRecord(f *testing.F) {
	f.Add(uint64(cpuRecordMark), uint64(1), uint64(1), uint64(15))
	f.Add(uint64(cpuRecordMark), uint64(2), uint64(recordVisible|3), uint64(21))
	f.Fuzz(func(t *testing.T, mark, cpus, number, length uint64) {
		words := make([]uint64, length%64)
		if len(words) > cpuRecordFixed {
			words[4], words[10], words[11] = mark, cpus, number
		}
		var c cpuCounters
		if c.setRecord(words) {
			c.advance(CPUUsage{Time: &cgroup.CPUTime{}, CPUs: view.CPUs{Shown: []int{0, 3}, CapacityNsecPerSec: 1}})
			if len(c.shown) != 2 {
				t.Errorf("%d CPUs are shown, not 2", len(c.shown))
			}
		}
		var l loadState
		l.setRecord(words)
	})
}
