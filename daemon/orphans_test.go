package main

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

func TestLooks(t *testing.T) {
	fail, well := errors.New("it died"), error(nil)
	for name, test := range map[string]struct {
		orphans uint64
		results []error // of one look after the other
		looks   int     // how many there are
		left    uint64
	}{
		"no orphans":       {0, nil, 0, 0},
		"all went well":    {1, []error{well, well}, 2, 0},
		"for two reasons":  {2, []error{well, well}, 2, 0},
		"one died":         {1, []error{fail, well, well}, 3, 0},
		"another one died": {1, []error{well, fail, fail, well}, 4, 0},
		"all died":         {1, []error{fail, fail, fail, fail, fail, fail, well, well}, maxFailedLooks, 1},
	} {
		var orphans atomic.Uint64
		orphans.Store(test.orphans)
		made := 0
		l := looks{pauses: []time.Duration{0, 0}, once: func(context.Context) error {
			made++
			return test.results[made-1]
		}}
		l.look(t.Context(), &orphans)
		if made != test.looks || orphans.Load() != test.left {
			t.Errorf("%s: %d looks, %d orphans left; want %d, %d", name, made, orphans.Load(), test.looks, test.left)
		}
	}
}

// A reason that comes up meanwhile is not forgotten, and a look that was
// ended with the service counts for nothing.
func TestLooksDoNotForget(t *testing.T) {
	var orphans atomic.Uint64
	orphans.Store(1)
	l := looks{pauses: []time.Duration{0}, once: func(context.Context) error {
		orphans.Add(1)
		return nil
	}}
	l.look(t.Context(), &orphans)
	if orphans.Load() != 2 {
		t.Errorf("%d after a reason that came up during a look", orphans.Load())
	}
	ctx, cancel := context.WithCancel(t.Context())
	l.once = func(context.Context) error {
		cancel()
		return nil
	}
	l.look(ctx, &orphans)
	if orphans.Load() != 2 {
		t.Errorf("%d after a look that was ended", orphans.Load())
	}
}
