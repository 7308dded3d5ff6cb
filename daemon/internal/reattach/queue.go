package reattach

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// atOnce namespaces are worked on at a time.
	atOnce = 4
	// patience is how long others wait for one. It takes some milliseconds, but
	// who is in a container can make it take longer; then it goes on beside the
	// others.
	patience = 250 * time.Millisecond
	// giveUp is how long the slow ones are waited for after the last one was
	// begun. It is above attachTimeout.
	giveUp = 15 * time.Second
)

// each does all namespaces and returns what was done in those where there was
// something to do, by pid; complete is false when ctx has ended before. ended is
// called when nothing is at work any more, which may be after the return.
func each(ctx context.Context, namespaces []namespace, do func(namespace) (Container, bool), ended func()) (all []Container, complete bool) {
	var mu sync.Mutex
	var found []Container // also by those who are late
	var work sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for _, ns := range namespaces {
		slots <- struct{}{}
		if complete = ctx.Err() == nil; !complete {
			break
		}
		done := make(chan struct{})
		work.Add(1)
		go func() {
			defer work.Done()
			defer close(done)
			start := time.Now()
			c, there := do(ns)
			if there && len(c.Replaced)+len(c.Failures) > 0 {
				c.Took = time.Since(start)
				mu.Lock()
				defer mu.Unlock()
				found = append(found, c)
			}
		}()
		go func() {
			wait(done, patience)
			<-slots
		}()
	}
	idle := make(chan struct{})
	go func() {
		work.Wait()
		ended()
		close(idle)
	}()
	wait(idle, giveUp)
	mu.Lock()
	defer mu.Unlock()
	all = slices.Clone(found)
	slices.SortFunc(all, func(a, b Container) int { return cmp.Compare(a.PID, b.PID) })
	return all, complete || len(namespaces) == 0
}

func wait(done <-chan struct{}, most time.Duration) {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}

// takeTurns has the first namespace of every cgroup before the second ones. A
// container can make as many as it likes, all in its own.
func takeTurns(namespaces []namespace, cgroupOf func(pid int) string) []namespace {
	turns := make(map[string]int, len(namespaces))
	turn := make(map[int]int, len(namespaces)) // by the first pid, which no two share
	for _, ns := range namespaces {
		cgroup := cgroupOf(ns.pids[0])
		turn[ns.pids[0]] = turns[cgroup]
		turns[cgroup]++
	}
	sorted := slices.Clone(namespaces)
	slices.SortStableFunc(sorted, func(a, b namespace) int { return cmp.Compare(turn[a.pids[0]], turn[b.pids[0]]) })
	return sorted
}
