package pipeline

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/podview/podview/daemon/internal/sample"
)

// sweepPeriods is after how many load periods idle files are closed: a
// minute, to two.
const sweepPeriods = 12

// Run keeps the load averages of watched containers, and closes files that
// nobody reads any more, until ctx ends. When there is neither it waits for a
// read, without a timer.
func (p *Pipeline) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.wake.rung:
			p.runWhileUsed(ctx)
		}
	}
}

func (p *Pipeline) runWhileUsed(ctx context.Context) {
	ticker := time.NewTicker(sample.LoadPeriodNsec)
	defer ticker.Stop()
	for period := 1; ; period++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		p.countDue()
		p.changes.Rest()
		if period%sweepPeriods == 0 {
			p.Kept.Sweep()
			p.limits.forget()
		}
		if !p.used() {
			p.wake.clear()
			if p.used() { // by a read that saw the alarm set
				p.wake.set()
			}
			return
		}
	}
}

func (p *Pipeline) used() bool {
	return p.loads.Watched() > 0 || p.Kept.Open() > 0 || p.changes.Watched()
}

// alarm tells one waiter, once, that something happened.
type alarm struct {
	isSet atomic.Bool
	rung  chan struct{}
}

func newAlarm() alarm { return alarm{rung: make(chan struct{}, 1)} }

func (a *alarm) set() {
	if !a.isSet.Load() && a.isSet.CompareAndSwap(false, true) {
		select {
		case a.rung <- struct{}{}:
		default:
		}
	}
}

func (a *alarm) clear() { a.isSet.Store(false) }
