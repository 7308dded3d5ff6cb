package sample

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/view"
)

const msec = 1e6

// bench feeds one container with readings.
type bench struct {
	table          CPUTable
	now, user, sys uint64
	perCPU         []cgroup.CPUTimeOne
	cpus           view.CPUs
}

func cpus(n int, capacity float64) view.CPUs {
	physical := make([]int, n)
	for i := range physical {
		physical[i] = i
	}
	return view.CPUs{Shown: physical, CapacityNsecPerSec: uint64(capacity * nsecPerSec), Whole: capacity == float64(n)}
}

func (b *bench) read(uptime uint64) []view.CPUTimes {
	times, _ := b.table.Observe(Key{Root: "/c"}, CPUUsage{
		NowNsec: b.now, UptimeNsec: uptime, CPUs: b.cpus,
		Time: &cgroup.CPUTime{UserNsec: b.user, SystemNsec: b.sys, PerCPU: b.perCPU},
	}, nil)
	return times
}

func sum(times []view.CPUTimes) (s view.CPUTimes) {
	for _, t := range times {
		s.UserNsec += t.UserNsec
		s.SystemNsec += t.SystemNsec
		s.IdleNsec += t.IdleNsec
	}
	return s
}

func TestFirstReadCoversTheWholeLife(t *testing.T) {
	b := bench{now: 100 * nsecPerSec, user: 3 * nsecPerSec, sys: 1 * nsecPerSec, cpus: cpus(2, 1.5)}
	got := b.read(10 * nsecPerSec)
	want := view.CPUTimes{UserNsec: 3 * nsecPerSec, SystemNsec: nsecPerSec, IdleNsec: 11 * nsecPerSec}
	if len(got) != 2 || sum(got) != want {
		t.Errorf("10 s of 1.5 CPUs, 4 s used: got %v, sum %+v, want %+v", got, sum(got), want)
	}
}

func TestBusyAtTheQuotaHasNoIdle(t *testing.T) {
	b := bench{now: nsecPerSec, cpus: cpus(1, 0.5)}
	before := sum(b.read(0))
	// CFS: 50 ms at full speed, then 50 ms throttled, read every 10 ms.
	for range 20 {
		for tick := range 10 {
			b.now += 10 * msec
			if tick < 5 {
				b.user += 10 * msec
			}
			b.read(0)
		}
	}
	after := sum(b.read(0))
	if idle := after.IdleNsec - before.IdleNsec; idle != 0 {
		t.Errorf("a container at its 500m limit shows %d ms idle in 2 s", idle/msec)
	}
	if used := after.UserNsec - before.UserNsec; used != 1000*msec {
		t.Errorf("used %d ms, want 1000", used/msec)
	}
}

func TestAnOverdraftIsForgotten(t *testing.T) {
	b := bench{now: nsecPerSec, cpus: cpus(1, 1)}
	b.read(0)
	b.now += nsecPerSec
	b.user += 60 * nsecPerSec // a limit was lowered: much more used than the present capacity explains
	before := sum(b.read(0))
	b.now += 2 * nsecPerSec
	if idle := sum(b.read(0)).IdleNsec - before.IdleNsec; idle != nsecPerSec {
		t.Errorf("idle %d ms in 2 s asleep after an overdraft, want 1000 (one second of debt)", idle/msec)
	}
}

func TestPerCPUFiguresStayOnTheirCPU(t *testing.T) {
	b := bench{now: nsecPerSec, perCPU: make([]cgroup.CPUTimeOne, 4), cpus: view.CPUs{Shown: []int{1, 3}, CapacityNsecPerSec: 2 * nsecPerSec, Whole: true}}
	b.read(0)
	b.now += nsecPerSec
	b.user, b.sys = 900*msec, 100*msec
	b.perCPU[3] = cgroup.CPUTimeOne{UserNsec: 900 * msec, SystemNsec: 100 * msec}
	got := b.read(0)
	if got[0] != (view.CPUTimes{IdleNsec: nsecPerSec}) || got[1] != (view.CPUTimes{UserNsec: 900 * msec, SystemNsec: 100 * msec}) {
		t.Errorf("cpu 3 was busy, cpu 1 idle: got %+v", got)
	}
}

func TestUseOnHiddenCPUsIsNotLost(t *testing.T) {
	b := bench{now: nsecPerSec, perCPU: make([]cgroup.CPUTimeOne, 4), cpus: view.CPUs{Shown: []int{0}, CapacityNsecPerSec: nsecPerSec, Whole: true}}
	b.read(0)
	b.now += nsecPerSec
	b.user = 500 * msec
	b.perCPU[2].UserNsec = 500 * msec // before its cpuset was narrowed
	if got := b.read(0)[0]; got.UserNsec != 500*msec || got.IdleNsec != 500*msec {
		t.Errorf("got %+v, want half busy", got)
	}
}

// TestNothingGoesBackwards drives random use, clocks and limits.
func TestNothingGoesBackwards(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		b := bench{now: 1000 * nsecPerSec, cpus: cpus(2, 2)}
		var last []view.CPUTimes
		highest := map[int]view.CPUTimes{}
		for step := range 100 {
			switch rnd.IntN(6) {
			case 0:
				n := 1 + rnd.IntN(5)
				b.cpus = cpus(n, float64(n)*(0.1+0.9*rnd.Float64()))
				b.cpus.Shown = slices.Sorted(slices.Values(rnd.Perm(8)[:n]))
			case 1:
				b.cpus = cpus(2, 2)
			}
			if rnd.IntN(4) > 0 {
				b.now += uint64(rnd.IntN(2000)) * msec
			}
			b.user += uint64(rnd.IntN(1000)) * msec
			b.sys += uint64(rnd.IntN(300)) * msec
			got := b.read(uint64(step) * nsecPerSec)
			if was, is := sum(last), sum(got); is.UserNsec < was.UserNsec || is.SystemNsec < was.SystemNsec || is.IdleNsec < was.IdleNsec {
				t.Fatalf("cpu line went from %+v to %+v (%d to %d CPUs)", was, is, len(last), len(got))
			}
			for i, c := range got {
				cpu := b.cpus.Shown[i]
				if h := highest[cpu]; c.UserNsec < h.UserNsec || c.SystemNsec < h.SystemNsec || c.IdleNsec < h.IdleNsec {
					t.Fatalf("cpu%d went from %+v to %+v", cpu, h, c)
				}
				highest[cpu] = c
			}
			last = got
		}
	}
}

func TestLateReaderDoesNotTurnTheClockBack(t *testing.T) {
	b := bench{now: 10 * nsecPerSec, user: 5 * nsecPerSec, cpus: cpus(1, 1)}
	newer := sum(b.read(10 * nsecPerSec))
	b.now, b.user = 9*nsecPerSec, 4*nsecPerSec
	if older := sum(b.read(9 * nsecPerSec)); older != newer {
		t.Errorf("a reading taken earlier changed the counters from %+v to %+v", newer, older)
	}
}

// TestInnerCgroupsCountApart: readers in two cgroups of one container, with
// different limits, must not move each other's counters.
func TestInnerCgroupsCountApart(t *testing.T) {
	var table CPUTable
	outer, inner := Key{Root: "/c"}, Key{Root: "/c", CPULeaf: "/c/inner"}
	now := uint64(100 * nsecPerSec)
	var last uint64
	for range 20 {
		u := CPUUsage{NowNsec: now, UptimeNsec: now, Time: &cgroup.CPUTime{}}
		u.CPUs = cpus(2, 2)
		times, _ := table.Observe(outer, u, nil)
		got := sum(times).IdleNsec
		if last != 0 && got != last+2*nsecPerSec {
			t.Fatalf("idle went from %d to %d in a second of 2 CPUs", last, got)
		}
		last = got
		u.CPUs = cpus(1, 1)
		table.Observe(inner, u, nil)
		now += nsecPerSec
	}
}

// TestLongLivesOfLargeMachines: a year of 512 CPUs is more nanoseconds than
// a signed word holds.
func TestLongLivesOfLargeMachines(t *testing.T) {
	const year = 365 * 24 * 3600 * nsecPerSec
	b := bench{now: 2 * year, user: 400 * year, cpus: cpus(512, 512)}
	got := b.read(year)
	if idle := got[511].IdleNsec; idle < year/5 || idle > year/4 {
		t.Errorf("400 of 512 CPUs busy for a year: %d s idle each, want about 22 %% of %d", idle/nsecPerSec, uint64(year/nsecPerSec))
	}
	for n := range 40 { // limits that go up and down
		b.cpus = cpus(1+n%2*511, 1)
		before := sum(b.read(year)).UserNsec
		if after := b.read(year)[0].UserNsec; n%2 == 0 && after < before {
			t.Fatalf("cpu0 wrapped from %d to %d", before, after)
		}
	}
}

// TestTheMachinesCounters: half of its life a container has seen half of what
// the machine has counted; from then on it sees all that is added.
func TestTheMachinesCounters(t *testing.T) {
	memory := make([]byte, StoreBytes(1))
	table := CPUTable{Store: NewStore(memory, 1)}
	u := CPUUsage{NowNsec: 1000, UptimeNsec: 250, Time: &cgroup.CPUTime{}, CPUs: cpus(1, 1)}
	if _, before := table.Observe(Key{}, u, nil); before != (view.HostCounters{}) {
		t.Errorf("nobody asked: %+v", before)
	}
	u.Host = &view.HostCounters{Interrupts: 400, ContextSwitches: 4000, Forks: 40, SoftIRQs: 4}
	want := view.HostCounters{Interrupts: 300, ContextSwitches: 3000, Forks: 30, SoftIRQs: 3}
	if _, before := table.Observe(Key{}, u, nil); before != want {
		t.Errorf("at a quarter of the machine's age: %+v, want %+v", before, want)
	}
	u.NowNsec, u.Host = 2000, &view.HostCounters{ContextSwitches: 1e6}
	table = CPUTable{Store: NewStore(memory, 1)}
	if _, before := table.Observe(Key{}, u, nil); before != want {
		t.Errorf("in the next process: %+v, want %+v", before, want)
	}
}

func TestCPUTableIsBounded(t *testing.T) {
	var table CPUTable
	u := CPUUsage{Time: &cgroup.CPUTime{}, CPUs: cpus(1, 1)}
	for i := range uint64(maxContainers + 10) {
		u.NowNsec = i
		table.Observe(Key{ID: i}, u, nil)
	}
	if len(table.containers) > maxContainers {
		t.Errorf("%d containers kept, want at most %d", len(table.containers), maxContainers)
	}
	if table.containers[Key{ID: 0}] != nil || table.containers[Key{ID: maxContainers + 9}] == nil {
		t.Error("not the longest unread container was evicted")
	}
}
