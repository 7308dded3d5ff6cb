package view

import (
	"math/bits"

	"github.com/podview/podview/daemon/internal/cgroup"
)

const nsecPerSec = 1e9

// NewCPUs is the container's virtual CPUs: as many as the quota lets it use
// at once, rounded up, but no more than its cpuset or the machine has, and
// at least one. cpuset may be empty (no cpuset controller). With byQuota
// false the quota counts for the capacity only. The result is in the memory
// of the two slices.
func NewCPUs(limit cgroup.CPULimit, cpuset, online []int, byQuota bool) CPUs {
	if len(online) == 0 {
		online = []int{0}
	}
	physical := intersect(cpuset, online)
	if len(physical) == 0 {
		physical = online
	}
	c := CPUs{Physical: physical, Whole: true, CapacityNsecPerSec: uint64(len(physical)) * nsecPerSec}
	if limit.QuotaUsec > 0 && limit.PeriodUsec > 0 {
		quota := MulDiv(limit.QuotaUsec, nsecPerSec, limit.PeriodUsec)
		if quota < c.CapacityNsecPerSec {
			c.Whole = false
			c.CapacityNsecPerSec = max(quota, 1)
			n := (c.CapacityNsecPerSec + nsecPerSec - 1) / nsecPerSec
			if byQuota && n < uint64(len(physical)) {
				c.Physical = physical[:n]
			}
		}
	}
	// Renumbering changes nothing only while the host's numbers have no gap.
	c.All = len(c.Physical) == len(online) && online[len(online)-1] == len(online)-1
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
