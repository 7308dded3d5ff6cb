package nri

import (
	"context"
	"time"

	"k8s.io/klog/v2"
)

// Source asks for the view; each function is called by one goroutine at a
// time for each superblock.
type Source struct {
	// Mounted names the superblock of the view that is mounted, "" for none.
	// It must not wait for the view.
	Mounted func() (superblock string, err error)
	// Has lists the emulated paths that the view has. It waits for an answer
	// from the view, for ever if nobody serves it.
	Has func() ([]string, error)
}

// health is a view that answers, or none.
type health struct {
	superblock string
	has        []string
}

// watch asks for the view every period, and gives each answer to report: the
// zero health if it isn't there, is dead, or has no answer after deadline.
//
// A question without an answer can't be taken back: it keeps a thread. There
// is only one for each superblock, so that a view that hangs costs one thread
// for as long as it does.
func watch(ctx context.Context, source Source, period, deadline time.Duration, report func(health)) {
	w := watcher{source: source, deadline: deadline, asked: map[string]chan answer{}}
	for ctx.Err() == nil {
		report(w.look())
		select {
		case <-ctx.Done():
		case <-time.After(period):
		}
	}
}

type watcher struct {
	source   Source
	deadline time.Duration
	asked    map[string]chan answer // by superblock, those without an answer yet
}

type answer struct {
	has []string
	err error
}

func (w *watcher) look() health {
	superblock, err := w.source.Mounted()
	if err != nil {
		klog.ErrorS(err, "Cannot look for the view")
	}
	if err != nil || superblock == "" {
		return health{}
	}
	asked, before := w.asked[superblock]
	if !before {
		asked = make(chan answer, 1)
		go func() {
			has, err := w.source.Has()
			asked <- answer{has, err}
		}()
	}
	got, ok := wait(asked, w.deadline, before)
	if !ok {
		if w.asked[superblock] = asked; !before {
			klog.ErrorS(nil, "The view does not answer; containers start without it", "deadline", w.deadline, "unanswered", len(w.asked))
		}
		return health{}
	}
	delete(w.asked, superblock)
	if got.err != nil {
		klog.V(2).InfoS("The view is not served", "err", got.err)
		return health{}
	}
	return health{superblock, got.has}
}

// wait gives an old question no more time.
func wait(asked chan answer, deadline time.Duration, before bool) (got answer, ok bool) {
	if before {
		select {
		case got = <-asked:
			return got, true
		default:
			return got, false
		}
	}
	timer := time.NewTimer(deadline)
	defer timer.Stop()
	select {
	case got = <-asked:
		return got, true
	case <-timer.C:
		return got, false
	}
}
