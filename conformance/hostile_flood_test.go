package conformance

import (
	"fmt"
	"testing"
	"time"
)

// floodThreads of a container with half a CPU.
const floodThreads = 2000

// startFlood returns when all its threads wait for answers, on average.
func startFlood(t *testing.T, view string) (attacker *container, stop func()) {
	t.Helper()
	attacker = startIn(t, newGroup(t, podPath()+"/"+ctrName("f"), limits{memoryMiB: 512, cpuMilli: 500}), view)
	var limit int
	attacker.call(t, "Hold", Hold{"/proc/uptime", 1}, &limit) // raises the limit of open files
	flood := attacker.conn.Go("Agent.Flood", Hold{"/proc/meminfo", floodThreads}, &struct{}{}, nil)
	for attacker.flooded(t) < floodThreads {
		time.Sleep(50 * time.Millisecond)
	}
	return attacker, func() {
		attacker.call(t, "Rest", struct{}{}, &struct{}{})
		if done := <-flood.Done; done.Error != nil {
			t.Error(done.Error)
		}
	}
}

func (c *container) flooded(t *testing.T) (answers uint64) {
	t.Helper()
	c.call(t, "Flooded", struct{}{}, &answers)
	return answers
}

// TestFlood: a container that asks much does not keep others waiting. In the
// kernel's queue open and read each would wait for an answer to every thread
// of the flood.
func TestFlood(t *testing.T) {
	daemon := privateServe(t)
	victim := startIn(t, newGroup(t, podPath()+"/"+ctrName("b"), limits{memoryMiB: 100}), daemon.dir)
	attacker, stop := startFlood(t, daemon.dir)
	const reads = 100
	before := attacker.flooded(t)
	for range reads {
		victim.seesMemory(t, "beside a flood", 100)
	}
	answers := (attacker.flooded(t) - before) / reads
	t.Logf("for each open and read of another container's, %d answers for the flood of %d threads", answers, floodThreads)
	if answers > floodThreads/8 {
		t.Errorf("another container waits for %d answers to the flood, as in a queue", answers)
	}
	stop()
	victim.seesMemory(t, "after the flood", 100)
}

// TestWorkerIsKilledInAFlood: what waits for its turn is not lost.
func TestWorkerIsKilledInAFlood(t *testing.T) {
	daemon := privateServe(t, patient)
	e := newEndurers(t, daemon.dir)
	_, stop := startFlood(t, daemon.dir)
	e.start(t)
	kills := times(10, 200)
	e.kill(t, daemon, kills, 50*time.Millisecond)
	e.finish(t, fmt.Sprintf("%d kills beside %d threads that read", kills, floodThreads), kills)
	stop() // returns when each of its threads has got its answer
}
