package pipeline

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/cgroup/detect"
	"github.com/podview/podview/daemon/internal/cgroup/tree"
	"github.com/podview/podview/daemon/internal/host"
	"github.com/podview/podview/daemon/internal/metrics"
)

// openMachine is a Pipeline for the machine that the test runs on.
func openMachine(t testing.TB) *Pipeline {
	t.Helper()
	return openMachineLately(t, maxAge)
}

func openMachineLately(t testing.TB, maxAge time.Duration) *Pipeline {
	t.Helper()
	return open(t, machineRoot, keptFiles, maxAge, bootNsec)
}

// keptFiles is serve's default.
const keptFiles = 8192

var machineRoot = host.Root{Proc: "/proc", Sys: "/sys", Cgroup: "/sys/fs/cgroup"}

func open(t testing.TB, root host.Root, keptFiles int, maxAge time.Duration, nowNsec func() uint64) *Pipeline {
	t.Helper()
	kept := host.NewKept(keptFiles)
	hierarchies, _, err := detect.Open(root, "auto", tree.NewFiles(kept, maxAge))
	if err != nil {
		t.Skip(err)
	}
	p, err := New(Config{
		Root: root, Hierarchies: hierarchies, Kept: kept, MaxAge: maxAge, ByQuota: true,
		Metrics: metrics.New(), NowNsec: nowNsec,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { letGo(p) })
	return p
}

// letGo closes what p has open: the second round what the first one marked.
func letGo(p *Pipeline) {
	for range 2 {
		p.Kept.Sweep()
		p.changes.Rest()
	}
}

func bootNsec() uint64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		panic(err)
	}
	return uint64(t.Nano())
}
