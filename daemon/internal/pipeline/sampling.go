package pipeline

import (
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/sample"
)

const (
	// maxSampled threads of a container are looked at for a count, which takes
	// some 10 µs each; with many containers fewer, but minSampled at least.
	maxSampled = 512
	minSampled = 16
	// maxRound is for all containers together, every 5 s.
	maxRound = 16384
	// listed threads cost as much as one that is looked at.
	listed = 64
)

// sampling is how many threads may be looked at. Containers make as many as
// their limits allow, and after one read of /proc/loadavg they are counted for
// a quarter of an hour.
type sampling struct {
	each  atomic.Int64 // 0: maxSampled
	spent atomic.Int64 // in this round
	begun int          // containers, in this round
}

// share begins the next of so many containers of a round: it gets what is left,
// shared among those that remain. It is false when nothing is.
func (s *sampling) share(containers int) bool {
	left := maxRound - s.spent.Load()
	if left <= 0 {
		return false
	}
	s.each.Store(max(minSampled, min(maxSampled, left/int64(max(containers-s.begun, 1)))))
	s.begun++
	return true
}

// end is that of a round.
func (s *sampling) end() {
	s.each.Store(0)
	s.spent.Store(0)
	s.begun = 0
}

func (s *sampling) most() int {
	if each := s.each.Load(); each > 0 {
		return int(each)
	}
	return maxSampled
}

// looked counts what a container of so many threads has cost.
func (s *sampling) looked(threads int) {
	s.spent.Add(int64(min(threads, s.most()) + threads/listed))
}

// sampleThreads counts threads by state, of which at most so many are looked
// at: those at equal distances in the list, at each turn the ones next to the
// last turn's.
func sampleThreads(tids []int, most, turn int, state func(tid int) (byte, error)) (threads sample.Threads) {
	n := len(tids)
	seen := min(n, most)
	for i := range seen {
		from, to := i*n/seen, (i+1)*n/seen
		if s, err := state(tids[from+turn%(to-from)]); err == nil {
			add(&threads, s)
		}
	}
	if n > seen {
		threads = sample.Threads{Total: n, Running: scale(threads.Running, n, seen), Blocked: scale(threads.Blocked, n, seen)}
	}
	return threads
}

// scale is count·n/seen, rounded.
func scale(count, n, seen int) int { return (count*n + seen/2) / seen }

// restsAfter is for how many counts a container rests after one that took so
// much CPU time: it gets a hundredth of a CPU, but a count each minute. Most
// time is for a list of many thousands, or many cgroups to look for threads in.
func restsAfter(cpuNsec uint64) int {
	return int(min(cpuNsec*100/sample.LoadPeriodNsec, uint64(maxHolds)))
}

// threadNsec is the CPU time of the calling thread.
func threadNsec() uint64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		return 0
	}
	return uint64(ts.Nano())
}
