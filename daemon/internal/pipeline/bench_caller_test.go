package pipeline

import (
	"testing"

	"github.com/podview/podview/daemon/internal/caller"
	"github.com/podview/podview/daemon/internal/cgroup/cgrouptest"
	"github.com/podview/podview/daemon/internal/host"
)

// BenchmarkNewCaller reads from one process after the other of a container
// that is known, as free and cat do: each reads once and ends.
func BenchmarkNewCaller(b *testing.B) {
	for _, file := range []string{"/proc/meminfo", "/proc/loadavg"} {
		b.Run("file="+short(file), func(b *testing.B) { newCallers(b, file) })
	}
}

func newCallers(b *testing.B, file string) {
	const processes = 100
	c := cgrouptest.Start(b, podPath(0), "i=1; while [ $i -lt 100 ]; do sleep 10000 & i=$((i+1)); done; exec sleep 10001")
	pids := c.Processes(processes)
	p := openMachine(b)
	var buf []byte
	var usedNsec int64
	var kept *host.Kept
	forget := func() {
		if kept != nil { // the second sweep closes what the first marked
			kept.Sweep()
			kept.Sweep()
		}
	}
	defer func() { forget() }()
	b.ReportAllocs()
	for i := range b.N {
		if i%processes == 0 { // forget them
			b.StopTimer()
			forget()
			kept = host.NewKept(2 * processes)
			var err error
			if p.callers, err = caller.NewResolver(machineRoot, kept); err != nil {
				b.Fatal(err)
			}
			if buf, err = p.Read(buf[:0], c.PID, file); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
		before := cpuNsec()
		var err error
		if buf, err = p.Read(buf[:0], pids[i%processes], file); err != nil {
			b.Fatal(err)
		}
		usedNsec += cpuNsec() - before
	}
	b.ReportMetric(float64(usedNsec)/float64(b.N), "cpu-ns/op")
}
