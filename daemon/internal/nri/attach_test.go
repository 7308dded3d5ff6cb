package nri

import (
	"context"
	"errors"
	"testing"
	"time"
)

// attached is a runtime's containers, with what was attached to them.
type attached struct {
	*attacher
	done chan string
	err  chan error // each attach takes one, if there is any
}

func startAttacher() attached {
	a := attached{done: make(chan string, 100), err: make(chan error, 100)}
	a.attacher = newAttacher(func(c container, has []string) error {
		select {
		case err := <-a.err:
			return err
		default:
			a.done <- c.id
			return nil
		}
	})
	go a.run()
	return a
}

func (a attached) wants(t *testing.T, ids ...string) {
	t.Helper()
	for _, want := range ids {
		select {
		case got := <-a.done:
			if got != want {
				t.Errorf("attached %s, want %s", got, want)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%s is never attached", want)
		}
	}
	// The attacher is done when one that comes last is the next one.
	a.start(container{id: "zz"})
	if got := <-a.done; got != "zz" {
		t.Errorf("attached %s, too", got)
	}
	a.remove("zz")
}

func TestAttacher(t *testing.T) {
	a := startAttacher()
	a.replace([]container{{id: "a"}, {id: "b"}, {id: "gone"}})
	a.start(container{id: "c"})
	a.remove("gone")
	if len(a.done) > 0 {
		t.Error("attached without a view")
	}
	a.setView(health{"0:41", []string{"/proc/stat"}})
	a.wants(t, "a", "b", "c")
	a.setView(health{"0:41", []string{"/proc/stat"}})
	a.wants(t) // the same view: none of them again
	a.setView(health{})
	a.setView(health{"0:41", []string{"/proc/stat"}})
	a.wants(t, "a", "b", "c")
	a.setView(health{"0:42", []string{"/proc/stat"}}) // killed and started between two looks
	a.wants(t, "a", "b", "c")
	a.replace([]container{{id: "d"}}) // a new connection
	a.wants(t, "d")
}

// A view that is gone before it is seen to be.
func TestAttacherTriesAgain(t *testing.T) {
	a := startAttacher()
	view := health{"0:41", []string{"/proc/stat"}}
	a.err <- errors.New("a dead view")
	a.setView(view)
	a.start(container{id: "a"})
	for a.view().superblock != "" {
		time.Sleep(time.Millisecond)
	}
	if len(a.done) > 0 {
		t.Error("attached a dead view")
	}
	a.setView(view)
	a.wants(t, "a")
}

func TestRetry(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	retry(ctx, func(connected func()) error {
		if calls++; calls == 2 {
			connected()
			cancel()
		}
		return errors.New("refused")
	})
	if calls != 2 {
		t.Errorf("called %d times", calls)
	}
}

// Containers that hang keep no other waiting.
func TestAttacherGoesOn(t *testing.T) {
	hang, done := make(chan struct{}), make(chan string, 1)
	defer close(hang)
	a := newAttacher(func(c container, _ []string) error {
		if c.id != "z" {
			<-hang
			return nil
		}
		done <- c.id
		return nil
	})
	go a.run()
	a.replace([]container{{id: "a"}, {id: "b"}, {id: "c"}, {id: "z"}})
	a.setView(health{"0:41", []string{"/proc/stat"}})
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("the others are waited for")
	}
}
