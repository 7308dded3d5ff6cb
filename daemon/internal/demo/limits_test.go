package demo

import (
	"reflect"
	"testing"

	"github.com/containerd/cgroups/v3/cgroup2"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestQuota(t *testing.T) {
	for milliCPUs, want := range map[int64]int64{
		1:    1000, // the kernel's least
		9:    1000,
		10:   1000,
		11:   1100,
		500:  50000,
		1000: 100000,
		2500: 250000,
	} {
		if got := quotaUsec(milliCPUs); got != want {
			t.Errorf("quotaUsec(%d) = %d, want %d", milliCPUs, got, want)
		}
	}
}

func TestResources1(t *testing.T) {
	memory, memsw := int64(128<<20), int64(192<<20)
	quota, period := int64(50000), uint64(100000)
	full := config{memoryBytes: memory, swapBytes: 64 << 20, milliCPUs: 500, cpuset: "1"}
	cpu := &specs.LinuxCPU{Quota: &quota, Period: &period, Cpus: "1"}
	for _, test := range []struct {
		name string
		c    config
		swap bool
		want *specs.LinuxResources
	}{
		{"memsw is the sum", full, true,
			&specs.LinuxResources{CPU: cpu, Memory: &specs.LinuxMemory{Limit: &memory, Swap: &memsw}}},
		{"no swap account", full, false,
			&specs.LinuxResources{CPU: cpu, Memory: &specs.LinuxMemory{Limit: &memory}}},
		{"no swap by default", config{memoryBytes: memory}, true,
			&specs.LinuxResources{CPU: &specs.LinuxCPU{}, Memory: &specs.LinuxMemory{Limit: &memory, Swap: &memory}}},
		{"no limits", config{}, true, &specs.LinuxResources{CPU: &specs.LinuxCPU{}}},
	} {
		if got := resources1(test.c, test.swap); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: resources1 = CPU %+v, memory %+v", test.name, got.CPU, got.Memory)
		}
	}
}

func TestResources2(t *testing.T) {
	memory, swap, none := int64(128<<20), int64(64<<20), int64(0)
	full := config{memoryBytes: memory, swapBytes: swap, milliCPUs: 500, cpuset: "1"}
	cpu := &cgroup2.CPU{Max: "50000 100000", Cpus: "1"}
	for _, test := range []struct {
		name string
		c    config
		swap bool
		want *cgroup2.Resources
	}{
		{"swap is by itself", full, true,
			&cgroup2.Resources{CPU: cpu, Memory: &cgroup2.Memory{Max: &memory, Swap: &swap}}},
		{"no swap account", full, false,
			&cgroup2.Resources{CPU: cpu, Memory: &cgroup2.Memory{Max: &memory}}},
		{"no swap by default", config{memoryBytes: memory}, true,
			&cgroup2.Resources{CPU: &cgroup2.CPU{}, Memory: &cgroup2.Memory{Max: &memory, Swap: &none}}},
		{"no limits", config{}, true,
			&cgroup2.Resources{CPU: &cgroup2.CPU{}, Memory: &cgroup2.Memory{}}},
	} {
		if got := resources2(test.c, test.swap); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: resources2 = CPU %+v, memory %+v", test.name, got.CPU, got.Memory)
		}
	}
}

func TestControllers(t *testing.T) {
	available := []string{"cpuset", "cpu", "hugetlb", "memory"}
	if got, want := controllers2(available), []string{"cpu", "cpuset", "memory"}; !reflect.DeepEqual(got, want) {
		t.Errorf("controllers2(%q) = %q, want %q", available, got, want)
	}
	for _, test := range []struct {
		controllers []string
		c           config
		want        string
	}{
		{nil, config{}, ""},
		{[]string{"cpu"}, config{memoryBytes: 1}, "memory"},
		{[]string{"memory"}, config{memoryBytes: 1}, ""},
		{[]string{"memory", "cpuset"}, config{memoryBytes: 1, milliCPUs: 1}, "cpu"},
		{[]string{"cpu"}, config{milliCPUs: 1, cpuset: "0"}, "cpuset"},
	} {
		if got := missing(test.controllers, test.c); got != test.want {
			t.Errorf("missing(%q, %+v) = %q, want %q", test.controllers, test.c, got, test.want)
		}
	}
}
