package view

import (
	"math/bits"

	"github.com/podview/podview/daemon/internal/cgroup"
)

const nsecPerSec = 1e9

// Choice says which CPUs are shown where a quota is smaller than the cpuset.
type Choice struct {
	// ByQuota is false for all of the cpuset; the quota then counts for the
	// capacity only.
	ByQuota bool
	// Order chooses, by Container, which is any number of its own; nil is for
	// the lowest CPUs.
	Order     *Order
	Container uint64
	// Room is memory for what was chosen.
	Room []int
}

// NewCPUs is the container's CPUs: as many as the quota lets it use at once,
// rounded up, but no more than its cpuset or the machine has, and at least
// one. Their numbers are the kernel's: programs index by them what they get
// from getcpu(2), affinity masks and maps of the kernel, which no file can
// change. cpuset may be empty (no cpuset controller). The result is in the
// memory of the slices.
func NewCPUs(limit cgroup.CPULimit, cpuset, online []int, choice Choice) CPUs {
	if len(online) == 0 {
		online = []int{0}
	}
	allowed := intersect(cpuset, online)
	if len(allowed) == 0 {
		allowed = online
	}
	c := CPUs{Shown: allowed, Whole: true, CapacityNsecPerSec: uint64(len(allowed)) * nsecPerSec}
	if limit.QuotaUsec > 0 && limit.PeriodUsec > 0 {
		quota := MulDiv(limit.QuotaUsec, nsecPerSec, limit.PeriodUsec)
		if quota < c.CapacityNsecPerSec {
			c.Whole = false
			c.CapacityNsecPerSec = max(quota, 1)
			n := (c.CapacityNsecPerSec + nsecPerSec - 1) / nsecPerSec
			if choice.ByQuota && n < uint64(len(allowed)) {
				c.Shown = choice.Order.Choose(choice.Container, allowed, int(n), choice.Room[:0])
			}
		}
	}
	c.All = len(c.Shown) == len(online)
	return c
}

// intersect returns what is in both ascending lists, in a's memory.
func intersect(a, b []int) []int {
	both := a[:0]
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] < b[j]:
			i++
		case a[i] > b[j]:
			j++
		default:
			both = append(both, a[i])
			i, j = i+1, j+1
		}
	}
	return both
}

// MulDiv is a*b/c without overflow on the way; too large a result is the
// largest.
func MulDiv(a, b, c uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	if hi >= c {
		return ^uint64(0)
	}
	q, _ := bits.Div64(hi, lo, c)
	return q
}
