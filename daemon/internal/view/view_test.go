package view

import (
	"math"
	"reflect"
	"testing"

	"github.com/podview/podview/daemon/internal/cgroup"
)

const mib = 1 << 20

func TestNewMemory(t *testing.T) {
	host := HostMemory{TotalBytes: 1000 * mib, AvailableBytes: 500 * mib, SwapTotalBytes: 100 * mib}
	stat := cgroup.MemoryStat{ActiveFileBytes: 10 * mib, InactiveFileBytes: 20 * mib, SlabReclaimableBytes: 5 * mib}
	for name, tc := range map[string]struct {
		in   cgroup.Memory
		want Memory
	}{
		"limit 256, used 100": {
			cgroup.Memory{MemoryLimit: cgroup.MemoryLimit{LimitBytes: 256 * mib}, UsageBytes: 100 * mib},
			Memory{Limited: true, TotalBytes: 256 * mib, FreeBytes: 156 * mib, AvailableBytes: 156 * mib},
		},
		"reclaimable cache is available": {
			cgroup.Memory{MemoryLimit: cgroup.MemoryLimit{LimitBytes: 256 * mib}, UsageBytes: 100 * mib, Stat: stat},
			Memory{Limited: true, TotalBytes: 256 * mib, FreeBytes: 156 * mib, AvailableBytes: 191 * mib, Stat: stat},
		},
		"usage above the limit does not wrap": {
			cgroup.Memory{MemoryLimit: cgroup.MemoryLimit{LimitBytes: 64 * mib}, UsageBytes: 65 * mib},
			Memory{Limited: true, TotalBytes: 64 * mib},
		},
		"cache that was dropped since memory.stat was read": {
			cgroup.Memory{MemoryLimit: cgroup.MemoryLimit{LimitBytes: 256 * mib}, UsageBytes: 100 * mib, Stat: cgroup.MemoryStat{FileBytes: 150 * mib}},
			Memory{Limited: true, TotalBytes: 256 * mib, FreeBytes: 156 * mib, AvailableBytes: 156 * mib, Stat: cgroup.MemoryStat{FileBytes: 100 * mib}},
		},
		"available is no more than the host's": {
			cgroup.Memory{MemoryLimit: cgroup.MemoryLimit{LimitBytes: 900 * mib}, UsageBytes: 100 * mib},
			Memory{Limited: true, TotalBytes: 900 * mib, FreeBytes: 800 * mib, AvailableBytes: 500 * mib},
		},
		"available is no more than the total": {
			cgroup.Memory{MemoryLimit: cgroup.MemoryLimit{LimitBytes: 64 * mib}, UsageBytes: 0, Stat: stat},
			Memory{Limited: true, TotalBytes: 64 * mib, FreeBytes: 64 * mib, AvailableBytes: 64 * mib, Stat: stat},
		},
		"no limit":               {cgroup.Memory{MemoryLimit: cgroup.MemoryLimit{LimitBytes: cgroup.Unlimited}, UsageBytes: 5}, Memory{}},
		"limit above the host":   {cgroup.Memory{MemoryLimit: cgroup.MemoryLimit{LimitBytes: 1001 * mib}}, Memory{}},
		"limit 0 is not total 0": {cgroup.Memory{UsageBytes: 1}, Memory{Limited: true, TotalBytes: 4096, FreeBytes: 4095, AvailableBytes: 4095}},
		"swap limit 50, used 10": {
			cgroup.Memory{MemoryLimit: cgroup.MemoryLimit{LimitBytes: cgroup.Unlimited, SwapLimitBytes: 50 * mib}, SwapAccounted: true, SwapUsageBytes: 10 * mib},
			Memory{SwapLimited: true, SwapTotalBytes: 50 * mib, SwapFreeBytes: 40 * mib},
		},
		"swap used above its limit": {
			cgroup.Memory{MemoryLimit: cgroup.MemoryLimit{LimitBytes: cgroup.Unlimited, SwapLimitBytes: 5 * mib}, SwapAccounted: true, SwapUsageBytes: 6 * mib},
			Memory{SwapLimited: true, SwapTotalBytes: 5 * mib},
		},
		"no swap at all":       {cgroup.Memory{MemoryLimit: cgroup.MemoryLimit{LimitBytes: cgroup.Unlimited}, SwapAccounted: true}, Memory{SwapLimited: true}},
		"swap not accounted":   {cgroup.Memory{MemoryLimit: cgroup.MemoryLimit{LimitBytes: cgroup.Unlimited}}, Memory{}},
		"swap limit unlimited": {cgroup.Memory{MemoryLimit: cgroup.MemoryLimit{LimitBytes: cgroup.Unlimited, SwapLimitBytes: cgroup.Unlimited}, SwapAccounted: true}, Memory{}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := NewMemory(&tc.in, host); !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got  %+v\nwant %+v", got, tc.want)
			}
		})
	}
}

func TestNewCPUs(t *testing.T) {
	online := []int{0, 1, 2, 3}
	for name, tc := range map[string]struct {
		limit      cgroup.CPULimit
		cpuset     []int
		byCpuset   bool
		shown      []int
		capacity   uint64
		all, whole bool
	}{
		"nothing set":                   {shown: online, capacity: 4e9, all: true, whole: true},
		"half a CPU":                    {limit: cgroup.CPULimit{QuotaUsec: 50000, PeriodUsec: 100000}, shown: []int{0}, capacity: 5e8},
		"one and a half":                {limit: cgroup.CPULimit{QuotaUsec: 150000, PeriodUsec: 100000}, shown: []int{0, 1}, capacity: 15e8},
		"exactly two":                   {limit: cgroup.CPULimit{QuotaUsec: 20000, PeriodUsec: 10000}, shown: []int{0, 1}, capacity: 2e9},
		"quota above the machine":       {limit: cgroup.CPULimit{QuotaUsec: 800000, PeriodUsec: 100000}, shown: online, capacity: 4e9, all: true, whole: true},
		"cpuset alone":                  {cpuset: []int{1, 3}, shown: []int{1, 3}, capacity: 2e9, whole: true},
		"quota below cpuset":            {limit: cgroup.CPULimit{QuotaUsec: 100000, PeriodUsec: 100000}, cpuset: []int{2, 3}, shown: []int{2}, capacity: 1e9},
		"cpuset below quota":            {limit: cgroup.CPULimit{QuotaUsec: 300000, PeriodUsec: 100000}, cpuset: []int{3}, shown: []int{3}, capacity: 1e9, whole: true},
		"cpuset with an offline CPU":    {cpuset: []int{3, 4}, shown: []int{3}, capacity: 1e9, whole: true},
		"cpuset wholly offline":         {cpuset: []int{8}, shown: online, capacity: 4e9, all: true, whole: true},
		"--cpu-view=cpuset":             {limit: cgroup.CPULimit{QuotaUsec: 50000, PeriodUsec: 100000}, byCpuset: true, shown: online, capacity: 5e8, all: true},
		"tiny quota is one CPU":         {limit: cgroup.CPULimit{QuotaUsec: 1, PeriodUsec: 1000000}, shown: []int{0}, capacity: 1000},
		"huge quota does not overflow":  {limit: cgroup.CPULimit{QuotaUsec: math.MaxUint64, PeriodUsec: 1}, shown: online, capacity: 4e9, all: true, whole: true},
		"period 0 is not a division":    {limit: cgroup.CPULimit{QuotaUsec: 5}, shown: online, capacity: 4e9, all: true, whole: true},
		"three and a half of four CPUs": {limit: cgroup.CPULimit{QuotaUsec: 350000, PeriodUsec: 100000}, shown: online, capacity: 35e8, all: true},
	} {
		t.Run(name, func(t *testing.T) {
			got := NewCPUs(tc.limit, tc.cpuset, online, Choice{ByQuota: !tc.byCpuset})
			want := CPUs{Shown: tc.shown, CapacityNsecPerSec: tc.capacity, All: tc.all, Whole: tc.whole}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}
