package fusefs

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// FuzzKept changes the head of a text that a process has left, and gives it a
// right checksum half of the time. What is read then is no more than was
// there, and only by who has that handle.
func FuzzKept(f *testing.F) {
	memory := make([]byte, KeptBytes)
	f.Add([]byte{0}, uint16(0), true)
	f.Add([]byte{255, 255, 255, 255}, uint16(16), true)
	f.Add([]byte{255, 255, 255, 127}, uint16(16), true)
	f.Add([]byte{9, 0, 0, 0, 0, 0, 0, 0}, uint16(0), true)
	f.Add([]byte{1}, uint16(keptHeaderBytes), false)
	f.Fuzz(func(t *testing.T, change []byte, at uint16, seal bool) {
		clear(memory[:keptSlotBytes])
		text := bytes.Repeat([]byte("A"), 1000)
		NewKept(memory).save(9, 77, text)
		slot := memory[:keptSlotBytes]
		copy(slot[min(int(at), 1000):], change)
		if seal {
			binary.NativeEndian.PutUint32(slot[20:], keptChecksum(slot))
		}
		k := NewKept(memory)
		for _, fh := range []uint64{9, 10, binary.NativeEndian.Uint64(slot)} {
			got, length, ok := k.load(fh, anyRequest, []byte("before"))
			rest, _ := bytes.CutPrefix(got, []byte("before"))
			switch {
			case ok && binary.NativeEndian.Uint64(slot) != fh:
				t.Errorf("handle %d has the text of another", fh)
			case !ok && len(rest) > 0, len(rest) > keptSlotBytes, len(rest) > 0 && len(rest) != length:
				t.Errorf("%d bytes of %d, %t", len(rest), length, ok)
			case ok && !seal && len(rest) > 0 && !bytes.Equal(rest, text):
				t.Errorf("a damaged text %.20q is believed", rest)
			}
		}
		k.save(9, 78, text)
		if got, _, ok := k.load(9, anyRequest, nil); !ok || !bytes.Equal(got, text) {
			t.Errorf("a new text is read as %.20q, %t", got, ok)
		}
		for fh := range k.slots {
			k.drop(fh)
		}
	})
}
