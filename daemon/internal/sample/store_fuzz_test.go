package sample

import (
	"encoding/binary"
	"testing"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/view"
)

// FuzzStore changes the record that a process has left, its index entry or its
// head, with a right checksum half of the time. What comes of it are counters
// that a container can have.
func FuzzStore(f *testing.F) {
	memory := make([]byte, StoreBytes(1))
	f.Add([]byte{255, 255, 255, 255}, uint16(8), true)
	f.Add([]byte{255, 255, 255, 255, 255, 255, 255, 255}, uint16(0), true)
	f.Add([]byte{200, 0, 0, 0}, uint16(8), false)
	f.Add([]byte{0, 255, 255, 255, 255, 255, 255, 255, 127}, uint16(16), true)
	f.Fuzz(func(t *testing.T, change []byte, at uint16, seal bool) {
		store := &Store{memory: memory, halfBytes: storeHalfBytes(1), counters: 2, slots: map[uint64]int{}, freeCounters: []int{1, 0}}
		clear(memory[indexBytes:][:4*store.halfBytes])
		usage := CPUUsage{NowNsec: 10 * nsecPerSec, UptimeNsec: 10 * nsecPerSec, Time: &cgroup.CPUTime{UserNsec: 5 * nsecPerSec},
			CPUs: view.CPUs{Shown: []int{0}, CapacityNsecPerSec: nsecPerSec}}
		first := CPUTable{Store: store}
		first.Observe(Key{}, usage, nil)
		half, _ := store.newest(0)
		copy(half[min(int(at), len(half)):], change)
		length := int(binary.NativeEndian.Uint32(half[8:]))
		if seal && length <= len(half)-halfHeaderBytes {
			binary.NativeEndian.PutUint32(half[12:], checksum(half))
		}
		next := CPUTable{Store: store}
		usage.NowNsec += nsecPerSec
		times, _ := next.Observe(Key{}, usage, nil)
		if len(times) != 1 {
			t.Fatalf("%d CPUs are shown", len(times))
		}
		const total = 10 * nsecPerSec
		if sum := times[0].UserNsec + times[0].IdleNsec; !seal && (sum < total || sum > total+nsecPerSec) {
			t.Errorf("%+v after 11 s", times[0])
		}
		usage.NowNsec += nsecPerSec
		again, _ := next.Observe(Key{}, usage, nil)
		if again[0].UserNsec < times[0].UserNsec || again[0].SystemNsec < times[0].SystemNsec || again[0].IdleNsec < times[0].IdleNsec {
			t.Errorf("from %+v to %+v", times[0], again[0])
		}
	})
}
