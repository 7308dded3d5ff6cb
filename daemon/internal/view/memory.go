package view

import "github.com/podview/podview/daemon/internal/cgroup"

// HostMemory is the machine's own, from its /proc/meminfo.
type HostMemory struct {
	TotalBytes, AvailableBytes, SwapTotalBytes uint64
}

// minTotalBytes keeps MemTotal above 0 under memory.max=0: programs divide
// by it (ps died of SIGFPE).
const minTotalBytes = 4096

// NewMemory is what the container should see of the machine's memory.
func NewMemory(m *cgroup.Memory, h HostMemory) Memory {
	v := Memory{Stat: m.Stat}
	if m.LimitBytes < h.TotalBytes {
		v.Limited = true
		v.TotalBytes = max(m.LimitBytes, minTotalBytes)
		v.FreeBytes = Sub(v.TotalBytes, m.UsageBytes)
		// memory.stat may be older than the usage, and programs subtract the
		// cache from what is not free.
		v.Stat.FileBytes = min(m.Stat.FileBytes, m.UsageBytes)
		// What the kernel could take back without swapping. The machine
		// itself may have less to give than the limit promises.
		reclaimable := m.Stat.ActiveFileBytes + m.Stat.InactiveFileBytes + m.Stat.SlabReclaimableBytes
		v.AvailableBytes = min(v.FreeBytes+reclaimable, v.TotalBytes, h.AvailableBytes)
	}
	if m.SwapAccounted && m.SwapLimitBytes < h.SwapTotalBytes {
		v.SwapLimited = true
		v.SwapTotalBytes = m.SwapLimitBytes
		v.SwapFreeBytes = Sub(m.SwapLimitBytes, m.SwapUsageBytes)
	}
	return v
}

// Sub is a-b, or 0 where that would wrap: usage is read after the limit, and
// may be above it.
func Sub(a, b uint64) uint64 {
	if b > a {
		return 0
	}
	return a - b
}
