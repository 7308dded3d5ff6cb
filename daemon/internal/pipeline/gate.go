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
}

const (
	// maxPerContainer is how many reads of one container run at a time.
	maxPerContainer = 8
	// gateWait is how long others wait. A read takes some microseconds: who
	// waits that long waits for a cgroup that hangs.
	gateWait = 50 * time.Millisecond
	gatePoll = time.Millisecond
)

var errBusy = errors.New("too many reads of this container are stuck")

// enter must be followed by leave, unless it returns an error.
func (g *gate) enter(ctx context.Context, container string) error {
	for waited := time.Duration(0); ; waited += gatePoll {
		if err := ctx.Err(); err != nil {
			return err
		}
		if g.tryEnter(container) {
			return nil
		}
		if waited >= gateWait {
			return errBusy
		}
		time.Sleep(gatePoll)
	}
}

func (g *gate) tryEnter(container string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.in == nil {
		g.in = map[string]int{}
	}
	if g.in[container] >= maxPerContainer {
		return false
	}
	g.in[container]++
	return true
}

func (g *gate) leave(container string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.in[container]--; g.in[container] == 0 {
		delete(g.in, container)
	}
}
