package nri

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// fakeView is what Source asks.
type fakeView struct {
	superblock string
	err        error
	hang       chan struct{} // nil: answers
	asked      atomic.Int32
}

func (v *fakeView) source() Source {
	return Source{
		Mounted: func() (string, error) { return v.superblock, nil },
		Has: func() ([]string, error) {
			hang := v.hang
			if v.asked.Add(1); hang != nil {
				<-hang
			}
			return []string{"/proc/stat"}, v.err
		},
	}
}

func TestLook(t *testing.T) {
	v := &fakeView{}
	w := watcher{source: v.source(), deadline: time.Minute, asked: map[string]chan answer{}}
	if h := w.look(); h.superblock != "" || v.asked.Load() != 0 {
		t.Errorf("nothing mounted: %+v, asked %d times", h, v.asked.Load())
	}
	v.superblock = "0:41"
	if h := w.look(); h.superblock != "0:41" || !slices.Equal(h.has, []string{"/proc/stat"}) {
		t.Errorf("a view that answers: %+v", h)
	}
	v.err = errors.New("transport endpoint is not connected")
	if h := w.look(); h.superblock != "" || h.has != nil {
		t.Errorf("a dead view: %+v", h)
	}
}

// A view that hangs is asked once, until another one is mounted there.
func TestLookAtHungView(t *testing.T) {
	v := &fakeView{superblock: "0:41", hang: make(chan struct{})}
	w := watcher{source: v.source(), deadline: time.Millisecond, asked: map[string]chan answer{}}
	for range 5 {
		if h := w.look(); h.superblock != "" {
			t.Errorf("a view that hangs: %+v", h)
		}
	}
	for v.asked.Load() == 0 { // the goroutine may not have come to it yet
		time.Sleep(time.Millisecond)
	}
	if n := v.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	hang := v.hang
	v.superblock, v.hang, w.deadline = "0:42", nil, time.Minute
	if h := w.look(); h.superblock != "0:42" {
		t.Errorf("another one there: %+v", h)
	}
	v.superblock = "0:41"
	close(hang) // it goes on
	for h := w.look(); h.superblock != "0:41"; h = w.look() {
		time.Sleep(time.Millisecond)
	}
	if len(w.asked) != 0 {
		t.Errorf("%d questions without an answer", len(w.asked))
	}
}

func TestWatch(t *testing.T) {
	v := &fakeView{superblock: "0:41"}
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	watch(ctx, v.source(), time.Millisecond, time.Minute, func(h health) {
		if n++; n == 3 {
			cancel()
		}
	})
	if n != 3 || v.asked.Load() != 3 {
		t.Errorf("%d reports, asked %d times", n, v.asked.Load())
	}
}
