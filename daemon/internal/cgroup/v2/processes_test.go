package v2

import (
	"errors"
	"io/fs"
	"slices"
	"testing"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/cgroup/cgrouptest"
)

func TestThreads(t *testing.T) {
	s := New(cgrouptest.Dir(t, files{
		"pod/cgroup.threads": "9\n", "pod/ctr/cgroup.threads": "1\n2\n", "pod/ctr/app/cgroup.threads": "3\n", "old/cgroup.procs": "1\n",
	}), cgrouptest.Files())
	tids, err := s.Threads(inner, []int{7})
	if slices.Sort(tids); err != nil || !slices.Equal(tids, []int{1, 2, 3, 7}) {
		t.Errorf("got %v, error %v", tids, err)
	}
	if _, err := s.Threads(cgroup.Place{Leaf: "/old", Root: "/old"}, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before Linux 4.14: got error %v", err)
	}
}

func TestCPUUsed(t *testing.T) {
	all := files{"pod/ctr/cpu.stat": "usage_usec 3\nuser_usec 2\nsystem_usec 1\n", "bad/cpu.stat": "user_usec 2\n"}
	dir := cgrouptest.Dir(t, all)
	s := New(dir, cgrouptest.Files())
	if got, err := s.CPUUsedNsec(inner); err != nil || got != 3000 {
		t.Errorf("got %d, error %v", got, err)
	}
	_, err := s.CPUUsedNsec(cgroup.Place{Root: "/bad"})
	cgrouptest.WantMalformed(t, err, dir+"/bad/cpu.stat", all["bad/cpu.stat"])
}

// TestMemoryWithoutSwap: the files of swap are not even opened.
func TestMemoryWithoutSwap(t *testing.T) {
	changes := files{}
	for _, file := range []string{"pod/ctr/app/memory.swap.max", "pod/ctr/memory.swap.max", "pod/ctr/memory.swap.current"} {
		changes[file] = "-"
		changes[file+"/"] = "" // a directory: reading it fails
	}
	dir := cgrouptest.Dir(t, cgrouptest.With(memoryFiles, changes))
	var without, with cgroup.Memory
	if err := cgrouptest.Memory(New(dir, cgrouptest.Files()), inner, true, &without); err != nil {
		t.Fatal(err)
	}
	if err := cgrouptest.Memory(New(cgrouptest.Dir(t, memoryFiles), cgrouptest.Files()), inner, false, &with); err != nil {
		t.Fatal(err)
	}
	with.SwapAccounted, with.SwapLimitBytes, with.SwapUsageBytes = false, 0, 0
	if without != with {
		t.Errorf("got  %+v\nwant %+v", without, with)
	}
}
