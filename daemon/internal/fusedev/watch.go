package fusedev

import (
	"sync/atomic"
	"time"
)

// watch is the timer of a crew's looks. It runs only while there are requests:
// a node where nobody reads has nothing to wake up for.
type watch struct {
	on     atomic.Bool   // the timer runs, or start is on its way
	wanted chan struct{} // nil for a crew that is not watched
	ticker *time.Ticker
	atRest int // looks in a row that found nobody busy
}

// restAfter looks without a request the timer stops.
const restAfter = 4

func newWatch(watched bool) *watch {
	w := &watch{}
	if watched {
		w.wanted = make(chan struct{}, 1)
	}
	return w
}

// want is called by a reader that has a request, after that can be seen.
func (w *watch) want() {
	if w.wanted == nil || w.on.Load() || !w.on.CompareAndSwap(false, true) {
		return
	}
	w.wanted <- struct{}{} // has room: only who turns it on sends
}

func (w *watch) start() {
	w.ticker, w.atRest = time.NewTicker(lookInterval), 0
}

// looks is the timer's channel, nil while it rests.
func (w *watch) looks() <-chan time.Time {
	if w.ticker == nil {
		return nil
	}
	return w.ticker.C
}

// rest stops the timer after a while without requests. isBusy is asked once
// more when it is off: a reader that came before that has not turned it on.
func (w *watch) rest(busy bool, isBusy func() bool) {
	if w.atRest++; busy {
		w.atRest = 0
	}
	if w.atRest < restAfter {
		return
	}
	w.stop()
	w.on.Store(false)
	if isBusy() {
		w.want()
	}
}

func (w *watch) stop() {
	if w.ticker != nil {
		w.ticker.Stop()
		w.ticker = nil
	}
}
