package sample

import (
	"errors"
	"math"
	"testing"

	"github.com/podview/podview/daemon/internal/view"
)

func count() (Threads, error) { return Threads{}, errors.New("not called in this test") }

func averages(l view.Load) (avg [3]float64) {
	for i, a := range l.Averages {
		avg[i] = float64(a) / view.FixedOne
	}
	return avg
}

func TestLoadRisesAndFallsLikeTheKernels(t *testing.T) {
	var table LoadTable
	key, now := Key{Root: "/c"}, uint64(nsecPerSec)
	table.Watch(key, now, 0, Threads{}, count)
	run := func(seconds int, threads Threads) [3]float64 {
		for range seconds / 5 {
			now += LoadPeriodNsec
			table.Record(key, now, threads)
		}
		load, ok := table.Read(key, now)
		if !ok {
			t.Fatal("not watched")
		}
		return averages(load)
	}
	got := run(60, Threads{Total: 7, Running: 3, Blocked: 1})
	for i, want := range []float64{4 * (1 - math.Exp(-1)), 4 * (1 - math.Exp(-0.2)), 4 * (1 - math.Exp(-60.0/900))} {
		if math.Abs(got[i]-want) > 0.002 {
			t.Errorf("average %d after a minute of 4 active threads: %.3f, want %.3f", i, got[i], want)
		}
	}
	if got := run(600, Threads{Total: 7}); got[0] > 0.002 || got[2] < 0.1 {
		t.Errorf("after ten idle minutes: %v", got)
	}
}

func TestFirstLoadReadAssumesTheLifeSoFar(t *testing.T) {
	var table LoadTable
	load := table.Watch(Key{}, 1, 3600*nsecPerSec, Threads{Running: 2, Total: 5}, count)
	if got := averages(load); math.Abs(got[0]-2) > 0.01 || load.Running != 2 || load.Total != 5 {
		t.Errorf("2 threads running for an hour: %v %+v", got, load)
	}
	young := table.Watch(Key{ID: 2}, 1, nsecPerSec, Threads{Running: 2}, count)
	if got := averages(young); got[0] > 0.05 {
		t.Errorf("a container of one second has load %v", got)
	}
}

func TestNobodyReadingCostsNothing(t *testing.T) {
	var table LoadTable
	read, unread := Key{Root: "/read"}, Key{Root: "/unread"}
	table.Watch(read, 0, 0, Threads{}, count)
	table.Watch(unread, 0, 0, Threads{}, count)
	if due := table.Due(LoadPeriodNsec - LoadPeriodNsec/2); len(due) != 0 {
		t.Errorf("%d due half a period after the first count", len(due))
	}
	if due := table.Due(LoadPeriodNsec); len(due) != 2 {
		t.Errorf("%d due after a period, want 2", len(due))
	}
	later := uint64(watchNsec) + 1
	table.Read(read, later)
	if due := table.Due(later); len(due) != 1 || due[read] == nil {
		t.Errorf("due after 15 minutes: %v, want only the one that is read", due)
	}
	if table.Watched() != 1 {
		t.Errorf("%d watched", table.Watched())
	}
	if _, ok := table.Peek(unread); ok {
		t.Error("the unread container is still there")
	}
}

func TestPeekKeepsNothingWatched(t *testing.T) {
	var table LoadTable
	table.Watch(Key{}, 0, 0, Threads{}, count)
	table.Peek(Key{})
	if due := table.Due(watchNsec + 1); len(due) != 0 {
		t.Error("Peek counted as a read")
	}
}
