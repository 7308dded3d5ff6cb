package pipeline

import (
	"errors"
	"testing"

	"github.com/podview/podview/daemon/internal/sample"
)

// Some threads stand for all; after some turns each was looked at.
func TestSomeThreadsStandForAll(t *testing.T) {
	const n, most = 5000, 100
	tids := make([]int, n)
	for i := range tids {
		tids[i] = i
	}
	seen := map[int]int{}
	state := func(tid int) (byte, error) {
		seen[tid]++
		switch tid % 10 {
		case 0:
			return 'R', nil
		case 1:
			return 'D', nil
		}
		return 'S', nil
	}
	running := 0
	for turn := range n / most {
		got := sampleThreads(tids, most, turn, state)
		if got.Total != n {
			t.Fatalf("%d threads, want %d", got.Total, n)
		}
		running += got.Running
	}
	if mean := running / (n / most); mean != n/10 {
		t.Errorf("%d running on average, want %d", mean, n/10)
	}
	if len(seen) != n {
		t.Errorf("%d of %d threads were looked at", len(seen), n)
	}
	for tid, times := range seen {
		if times != 1 {
			t.Fatalf("thread %d was looked at %d times", tid, times)
		}
	}
}

func TestFewThreadsAreAllCounted(t *testing.T) {
	state := func(tid int) (byte, error) {
		if tid == 3 {
			return 0, errors.New("it has ended")
		}
		return 'R', nil
	}
	for _, turn := range []int{0, 1, 7} {
		if got := sampleThreads([]int{1, 2, 3, 4}, 4, turn, state); got != (sample.Threads{Total: 3, Running: 3}) {
			t.Errorf("turn %d: %+v", turn, got)
		}
	}
	if got := sampleThreads(nil, 4, 1, state); got != (sample.Threads{}) {
		t.Errorf("none: %+v", got)
	}
}

// A round has an end, whatever containers there are; what some leave is for
// the others.
func TestRoundsAreBounded(t *testing.T) {
	round := func(containers int, threads func(i int) int) (counted, looked, least int) {
		var s sampling
		least = maxSampled
		for i := range containers {
			if !s.share(containers) {
				break
			}
			counted++
			n := threads(i)
			looked += min(n, s.most())
			if n > s.most() {
				least = min(least, s.most())
			}
			s.looked(n)
		}
		return counted, looked, least
	}
	if counted, looked, _ := round(10_000, func(int) int { return 8000 }); looked > maxRound || counted < 100 {
		t.Errorf("%d threads of %d containers were looked at", looked, counted)
	}
	if counted, looked, _ := round(500, func(int) int { return 20 }); counted != 500 || looked != 10_000 {
		t.Errorf("%d threads of %d small containers were looked at", looked, counted)
	}
	if counted, _, least := round(500, func(i int) int { return 10 + i/499*100_000 }); counted != 500 || least != maxSampled {
		t.Errorf("%d containers counted; a big one at the end with %d", counted, least)
	}
	var s sampling
	if s.most() != maxSampled {
		t.Errorf("outside a round: %d", s.most())
	}
}

// What costs much is counted less often.
func TestCostlyCountsRest(t *testing.T) {
	for cpuNsec, want := range map[uint64]int{0: 0, 10e6: 0, 49e6: 0, 50e6: 1, 160e6: 3, 10e9: maxHolds} {
		if got := restsAfter(cpuNsec); got != want {
			t.Errorf("%d ns: %d rests, want %d", cpuNsec, got, want)
		}
	}
}
