package pipeline

import (
	"fmt"
	"testing"

	"github.com/podview/podview/daemon/internal/cgroup/cgrouptest"
	"github.com/podview/podview/daemon/internal/sample"
)

// BenchmarkLoadCount is one round of counting: of containers whose processes
// sleep, and of ones that did something since the last round.
func BenchmarkLoadCount(b *testing.B) {
	for _, n := range []int{1, 100, 1000} {
		if n > 1 && testing.Short() {
			continue
		}
		b.Run(fmt.Sprintf("asleep/containers=%d", n), func(b *testing.B) { countRounds(b, pods(b, n)) })
	}
}

func countRounds(b *testing.B, containers []*cgrouptest.Container) {
	now := bootNsec()
	p := openMachine(b)
	p.NowNsec = func() uint64 { return now }
	rounds := 0
	b.ReportAllocs()
	defer reportCPU(b)()
	b.ResetTimer()
	for i := range b.N {
		if i%100 == 0 { // before they are forgotten
			b.StopTimer()
			for _, c := range containers {
				if _, err := p.Read(nil, c.PID, "/proc/loadavg"); err != nil {
					b.Fatal(err)
				}
			}
			b.StartTimer()
		}
		now += sample.LoadPeriodNsec
		rounds += len(p.loads.Due(now))
		p.countDue()
	}
	if rounds != b.N*len(containers) {
		b.Fatalf("%d counts in %d rounds of %d containers", rounds, b.N, len(containers))
	}
}

// BenchmarkLoadCountActive counts one container of 10 processes, as if each
// had run.
func BenchmarkLoadCountActive(b *testing.B) {
	c := cgrouptest.Start(b, podPath(0), "for i in 1 2 3 4 5 6 7 8 9; do sleep 10000 & done; exec sleep 10001")
	c.Processes(10)
	p := openMachine(b)
	who, err := p.callers.Identify(c.PID, p.changes.Count())
	if err != nil {
		b.Fatal(err)
	}
	pl, err := place(who, p.Hierarchies.CPUAcct)
	if err != nil {
		b.Fatal(err)
	}
	counter := &counter{p: p, place: pl}
	b.ReportAllocs()
	defer reportCPU(b)()
	b.ResetTimer()
	for range b.N {
		counter.holds = 0
		if got, err := counter.count(); err != nil || got.Total != 10 {
			b.Fatalf("%+v, error %v", got, err)
		}
	}
}
