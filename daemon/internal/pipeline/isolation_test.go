package pipeline

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestReadersSeeTheirOwn: many readers of many containers at once, with room
// for few kept files, so that they are closed and opened all the time. Each
// must see its own container.
func TestReadersSeeTheirOwn(t *testing.T) {
	const containers, readers, reads = 12, 4, 300
	all := pods(t, containers)
	for i, c := range all {
		c.LimitMemory((i + 10) << 20)
	}
	for _, keptFiles := range []int{0, 40, 8192} {
		p := open(t, machineRoot, keptFiles, time.Hour, bootNsec)
		var wait sync.WaitGroup
		for reader := range readers {
			wait.Go(func() {
				for i := range reads {
					n := (i*5 + reader) % containers
					want := fmt.Sprintf("MemTotal:       %8d kB\n", (n+10)<<10)
					text, err := p.Read(nil, all[n].PID, "/proc/meminfo")
					if err != nil || string(text[:len(want)]) != want {
						t.Errorf("%d files: %.28q, error %v, want %q", keptFiles, text, err, want)
						return
					}
					if i%50 == 0 {
						p.Kept.Sweep()
					}
				}
			})
		}
		wait.Wait()
		if got := fallbacks(t, p.Metrics); len(got) > 0 {
			t.Errorf("%d files: fell back: %q", keptFiles, got)
		}
		p.Kept.Sweep()
		p.Kept.Sweep()
		if n := cgroupDescriptors(t); n != 0 || p.Kept.Open() != 0 {
			t.Errorf("%d files: %d kept, %d descriptors of cgroups open", keptFiles, p.Kept.Open(), n)
		}
	}
}

// cgroupDescriptors counts this process's open files of our containers.
func cgroupDescriptors(t *testing.T) (n int) {
	t.Helper()
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		target, _ := os.Readlink(link)
		if strings.Contains(target, "/podview-bench-") {
			n++
		}
	}
	return n
}
