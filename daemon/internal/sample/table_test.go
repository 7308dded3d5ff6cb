package sample

import (
	"fmt"
	"strings"
	"testing"
	"unsafe"

	"github.com/podview/podview/daemon/internal/cgroup"
)

// A container has cgroups in its own, or containers in itself, as many as it
// likes. The counters of others stay: theirs would go backwards.
func TestCrowdsLeaveOthersAlone(t *testing.T) {
	const pods = "/kubepods/burstable/"
	crowds := map[string]func(i int) Key{
		"inner cgroups":      func(i int) Key { return Key{Root: pods + "pod1/c", ID: 1, CPULeaf: fmt.Sprint(i)} },
		"inner cpusets":      func(i int) Key { return Key{Root: pods + "pod1/c", ID: 1, CPUSetLeaf: fmt.Sprint(i)} },
		"inner containers":   func(i int) Key { return Key{Root: fmt.Sprint(pods, "pod1/c/", i), ID: uint64(i)} },
		"deeper containers":  func(i int) Key { return Key{Root: fmt.Sprint(pods, "pod1/c/", i%90, "/", i), ID: uint64(i)} },
		"cgroups made anew":  func(i int) Key { return Key{Root: pods + "pod1/c/x", ID: uint64(i)} },
		"a host's container": func(i int) Key { return Key{Root: fmt.Sprint("/docker/", i), ID: uint64(i)} },
	}
	for name, crowd := range crowds {
		var table CPUTable
		now := uint64(nsecPerSec)
		observe := func(key Key, capacity float64) uint64 {
			now += msec
			usage := CPUUsage{NowNsec: now, UptimeNsec: now, CPUs: cpus(1, capacity), Time: &cgroup.CPUTime{}}
			times, _ := table.Observe(key, usage, nil)
			return sum(times).IdleNsec
		}
		var idle [100]uint64
		victim := func(i int) Key { return Key{Root: fmt.Sprint(pods, "pod", 100+i, "/c"), ID: 1} }
		for i := range idle {
			idle[i] = observe(victim(i), 1)
		}
		for i := range 2*maxContainers + 10 {
			observe(crowd(i), 1)
		}
		for i := range idle {
			if after := observe(victim(i), 0.001); after < idle[i] {
				t.Errorf("%s: idle of container %d went from %d to %d", name, i, idle[i], after)
				break
			}
		}
		if n := len(table.containers); n > maxContainers {
			t.Errorf("%s: %d entries", name, n)
		}
		leaves := 0
		for root, keys := range table.leaves {
			if leaves += len(keys); len(keys) > maxLeaves {
				t.Errorf("%s: %d counters of %s", name, len(keys), root)
			}
		}
		if leaves != len(table.containers) {
			t.Errorf("%s: %d entries, %d of them by container", name, len(table.containers), leaves)
		}
	}
}

func TestLoadsOfCrowdsLeaveOthersAlone(t *testing.T) {
	var table LoadTable
	victim := Key{Root: "/kubepods/pod1/c", ID: 1}
	table.Watch(victim, 1, 1, Threads{}, nil)
	for i := range uint64(2 * maxContainers) {
		table.Watch(Key{Root: fmt.Sprint("/kubepods/pod2/c/", i), ID: i}, 2+i, 1, Threads{}, nil)
	}
	if _, ok := table.Peek(victim); !ok || table.Watched() > maxWatched {
		t.Errorf("the victim is watched: %t; with it %d", ok, table.Watched())
	}
}

// Names are pieces of a longer text, which must not be kept for them.
func TestKeysHaveTheirOwnMemory(t *testing.T) {
	text := strings.Repeat("/name", 1000)
	own := func(name, in string) bool { return unsafe.StringData(name) != unsafe.StringData(in) }
	key := Key{Root: text[:20], CPULeaf: text[:30], CPUSetLeaf: text[:40]}
	var table CPUTable
	table.Observe(key, CPUUsage{NowNsec: 1, CPUs: cpus(1, 1), Time: &cgroup.CPUTime{}}, nil)
	for k := range table.containers {
		if !own(k.Root, text) || !own(k.CPULeaf, text) || !own(k.CPUSetLeaf, text) {
			t.Error("a CPU key is part of a longer text")
		}
	}
	var loads LoadTable
	loads.Watch(key, 1, 1, Threads{}, nil)
	for k := range loads.containers {
		if !own(k.Root, text) {
			t.Error("a load key is part of a longer text")
		}
	}
}

func TestShortKeys(t *testing.T) {
	path := strings.Repeat("/0123456789", 300)
	a, b := Key{Root: path + "a", CPULeaf: path, CPUSetLeaf: "/c"}.Short(), Key{Root: path + "b", CPULeaf: path, CPUSetLeaf: "/c"}.Short()
	if len(a.Root) > maxNameBytes || len(a.CPULeaf) > maxNameBytes || a.CPUSetLeaf != "/c" {
		t.Errorf("%d and %d bytes", len(a.Root), len(a.CPULeaf))
	}
	if a == b {
		t.Error("two cgroups have one key")
	}
	if again := (Key{Root: path + "a", CPULeaf: path, CPUSetLeaf: "/c"}).Short(); a != again {
		t.Error("one cgroup has two keys")
	}
}

func TestRoom(t *testing.T) {
	for cpus, want := range map[int]int{0: maxContainers, 1: maxContainers, 32: maxContainers, 128: 3276, 256: 1638, 512: 1024, 4096: 1024} {
		if got := room(cpus); got != want {
			t.Errorf("%d CPUs: %d, want %d", cpus, got, want)
		}
	}
	var table CPUTable
	for i := range 5000 {
		table.Observe(Key{Root: fmt.Sprint("/", i)}, CPUUsage{NowNsec: 1, CPUs: cpus(1, 1), Time: &cgroup.CPUTime{PerCPU: make([]cgroup.CPUTimeOne, 128)}}, nil)
	}
	if n := len(table.containers); n > room(128) {
		t.Errorf("%d counters of 128 CPUs, %d allowed", n, room(128))
	}
}

// TestCountersGrow: those of a few CPUs take up what there is room for, and then
// their limits are raised.
func TestCountersGrow(t *testing.T) {
	var table CPUTable
	read := func(i, n int) {
		table.Observe(Key{Root: fmt.Sprint("/", i)}, CPUUsage{NowNsec: 1, CPUs: cpus(n, 1), Time: &cgroup.CPUTime{}}, nil)
	}
	for i := range maxContainers {
		read(i, 1)
	}
	if n := len(table.containers); n != maxContainers {
		t.Fatalf("%d counters of one CPU", n)
	}
	for i := range 10 {
		read(i, 512)
	}
	if n := len(table.containers); n > room(512) {
		t.Errorf("%d counters when there are 512 CPUs, %d allowed", n, room(512))
	}
}
