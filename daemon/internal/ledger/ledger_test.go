package ledger

import (
	"bytes"
	"encoding/binary"
	"os"
	"testing"
	"time"
)

func TestTwoProcessesShareOne(t *testing.T) {
	first, err := New(4)
	if err != nil {
		t.Fatal(err)
	}
	init := []byte("an INIT request")
	if err := first.SetInit(init); err != nil {
		t.Fatal(err)
	}
	copy(first.Slots()[1], "a request")
	first.Answered().Add(3)

	second, err := Open(first.File())
	if err != nil {
		t.Fatal(err)
	}
	if got := second.Init(); !bytes.Equal(got, init) {
		t.Errorf("INIT is %q", got)
	}
	slots := second.Slots()
	if len(slots) != MaxReaders || !bytes.HasPrefix(slots[1], []byte("a request")) || slots[0][0] != 0 {
		t.Errorf("%d slots, the second begins with %.9q", len(slots), slots[1])
	}
	if n := second.Answered().Load(); n != 3 {
		t.Errorf("%d answers, want 3", n)
	}
	second.Store() // takes its memory; a wrong layout would be out of range
	second.Kept()
	if err := first.SetInit(make([]byte, headerBytes)); err == nil {
		t.Error("an INIT that has no room was kept")
	}
}

// The longest INIT leaves the words behind it alone.
func TestWordsBehindInit(t *testing.T) {
	l, err := New(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.SetInit(bytes.Repeat([]byte{0xff}, maxInit)); err != nil {
		t.Fatal(err)
	}
	for name, word := range map[string]uint64{
		"hung": l.Hung().Add(1), "replaced": l.Replaced().Add(1), "failed": l.Failed().Add(1),
		"orphans": l.Orphans().Add(1), "lost": l.Lost().Add(1), "workers": l.Workers().Add(1),
	} {
		if word != 1 {
			t.Errorf("%s is %#x after one", name, word)
		}
	}
	if init := l.Init(); !bytes.Equal(init, bytes.Repeat([]byte{0xff}, maxInit)) {
		t.Errorf("INIT is %d bytes, % x at the end", len(init), init[len(init)-8:])
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, text := range map[string][]byte{
		"nothing":         nil,
		"zeroes":          make([]byte, 2*headerBytes),
		"another version": append([]byte("podview2"), make([]byte, headerBytes)...),
	} {
		file, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.Write(text); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(file); err == nil {
			t.Errorf("%s was taken for a ledger", name)
		}
	}
}

func TestLedgerCannotShrink(t *testing.T) {
	l, err := New(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.File().Truncate(1); err == nil {
		t.Error("a process that shrinks the ledger would kill the others by SIGBUS")
	}
}

func TestOneHoldsTheLock(t *testing.T) {
	l, err := New(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Lock(); err != nil {
		t.Fatal(err)
	}
	other, err := Open(l.File())
	if err != nil {
		t.Fatal(err)
	}
	locked := make(chan error, 1)
	go func() { locked <- other.Lock() }()
	select {
	case err := <-locked:
		t.Fatalf("two hold the lock (%v)", err)
	case <-time.After(50 * time.Millisecond):
	}
	l.lock.Close() // as when the process ends
	if err := <-locked; err != nil {
		t.Error(err)
	}
}

func TestOpenRefusesAnotherSize(t *testing.T) {
	l, err := New(1)
	if err != nil {
		t.Fatal(err)
	}
	binary.NativeEndian.PutUint64(l.memory[8:], 2) // CPUs
	if _, err := Open(l.File()); err == nil {
		t.Error("a ledger that is too small was mapped")
	}
}

func TestUnserved(t *testing.T) {
	l, err := New(1)
	if err != nil {
		t.Fatal(err)
	}
	worker, err := Open(l.File())
	if err != nil {
		t.Fatal(err)
	}
	if err := worker.Lock(); err != nil {
		t.Fatal(err)
	}
	called := 0
	if err := l.Unserved(20*time.Millisecond, func() { called++ }); err == nil || called != 0 {
		t.Errorf("called %d times while a worker serves (%v)", called, err)
	}
	worker.lock.Close()
	if err := l.Unserved(10*time.Second, func() { called++ }); err != nil || called != 1 {
		t.Errorf("called %d times (%v)", called, err)
	}
	if err := worker.Lock(); err != nil { // nobody keeps it
		t.Error(err)
	}
}

// What a lost connection leaves does not come up on the next one; what is
// counted goes on.
func TestReconnect(t *testing.T) {
	l, err := New(4)
	if err != nil {
		t.Fatal(err)
	}
	copy(l.Slots()[1], "a request")
	l.Answered().Add(3)
	l.Handle().Store(7)
	kept, store := l.memory[l.keptAt():], l.memory[l.size()-1:]
	kept[100], store[0] = 1, 1
	if err := l.Reconnect(); err != nil {
		t.Fatal(err)
	}
	if length := l.Slots()[1][:4]; !bytes.Equal(length, make([]byte, 4)) || kept[100] != 0 {
		t.Errorf("left are a request of length % x and a text %d", length, kept[100])
	}
	if l.Answered().Load() != 3 || l.Handle().Load() != 7 || store[0] != 1 || l.Lost().Load() != 1 || l.Orphans().Load() != 1 {
		t.Errorf("answered %d, handle %d, counters %d, lost %d, orphans %d",
			l.Answered().Load(), l.Handle().Load(), store[0], l.Lost().Load(), l.Orphans().Load())
	}
}
