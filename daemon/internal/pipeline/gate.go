package pipeline

import (
	"context"
	"errors"
	"sync"
	"time"
)

// gate keeps readers of one container, whose cgroup hangs, from taking up all
// that podview has.
type gate struct {
	mu sync.Mutex
	in map[string]int // container → reads under way
	// hangs: somebody has waited in vain, and no read has ended since.
	hangs map[string]bool
}

const (
	// maxPerContainer is how many reads of one container run at a time.
	maxPerContainer = 8
	// gateWait is how long others wait. A read takes some microseconds: who
	// waits that long waits for a cgroup that hangs. Those who come after him
	// are refused at once, because they keep a reader from other containers
	// while they wait.
	gateWait = 50 * time.Millisecond
	gatePoll = time.Millisecond
)

var errBusy = errors.New("too many reads of this container are stuck")

// enter must be followed by leave, unless it returns an error.
func (g *gate) enter(ctx context.Context, container string) error {
	var since time.Time
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		inVain := !since.IsZero() && time.Since(since) >= gateWait
		if ok, hangs := g.tryEnter(container, inVain); ok {
			return nil
		} else if hangs {
			return errBusy
		}
		if since.IsZero() {
			since = time.Now()
		}
		time.Sleep(gatePoll)
	}
}

func (g *gate) tryEnter(container string, inVain bool) (ok, hangs bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.in == nil {
		g.in, g.hangs = map[string]int{}, map[string]bool{}
	}
	if g.in[container] >= maxPerContainer {
		if inVain {
			g.hangs[container] = true
		}
		return false, g.hangs[container]
	}
	g.in[container]++
	return true, false
}

func (g *gate) leave(container string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.hangs) > 0 {
		delete(g.hangs, container)
	}
	if g.in[container]--; g.in[container] == 0 {
		delete(g.in, container)
	}
}
