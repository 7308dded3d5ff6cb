package v1

import (
	"slices"
	"testing"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/cgroup/cgrouptest"
)

func TestThreads(t *testing.T) {
	s, dir := open(t, "cpuacct", files{
		"pod/tasks": "9\n", "pod/ctr/tasks": "1\n2\n", "pod/ctr/app/tasks": "3\n", "bad/tasks": "1\nx\n", "pod/ctr/cpuacct.usage": "77\n",
	})
	tids, err := s.Threads(inner, []int{7})
	if slices.Sort(tids); err != nil || !slices.Equal(tids, []int{1, 2, 3, 7}) {
		t.Errorf("got %v, error %v", tids, err)
	}
	_, err = s.Threads(cgroup.Place{Leaf: "/bad", Root: "/bad"}, nil)
	cgrouptest.WantMalformed(t, err, dir+"/bad/tasks", "1\nx\n")
	if got, err := s.CPUUsedNsec(inner); err != nil || got != 77 {
		t.Errorf("used %d, error %v", got, err)
	}
}

// TestMemoryWithoutSwap: the files of swap are not even opened.
func TestMemoryWithoutSwap(t *testing.T) {
	changes := files{}
	for _, file := range []string{"pod/memory.memsw.limit_in_bytes", "pod/ctr/memory.memsw.limit_in_bytes", "pod/ctr/memory.memsw.usage_in_bytes"} {
		changes[file] = "-"
		changes[file+"/"] = "" // a directory: reading it fails
	}
	s, _ := open(t, "memory", cgrouptest.With(memoryFiles, changes))
	var without, with cgroup.Memory
	if err := cgrouptest.Memory(s, inner, true, &without); err != nil {
		t.Fatal(err)
	}
	s, _ = open(t, "memory", memoryFiles)
	if err := cgrouptest.Memory(s, inner, false, &with); err != nil {
		t.Fatal(err)
	}
	if without.SwapAccounted || without.LimitBytes != with.LimitBytes || without.UsageBytes != with.UsageBytes || without.Stat != with.Stat {
		t.Errorf("got  %+v\nwant %+v", without, with)
	}
}
