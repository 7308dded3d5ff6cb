package sample

import (
	"math"
	"sync"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/view"
)

const nsecPerSec = 1e9

// CPUUsage is one reading of a container's CPU time.
type CPUUsage struct {
	NowNsec    uint64 // CLOCK_BOOTTIME at the reading
	UptimeNsec uint64 // since the container's start
	Time       *cgroup.CPUTime
	CPUs       view.CPUs
	// Host is the machine's counters at the reading; nil where nobody asks for
	// what they were at the container's start.
	Host *view.HostCounters
}

// CPUTable turns readings of a container's CPU time into per-CPU counters
// like those of /proc/stat. The zero value is ready. Concurrent use is safe.
type CPUTable struct {
	// Store, if not nil, has the counters of an earlier process, and gets
	// every change before it is shown.
	Store *Store

	mu         sync.Mutex
	containers map[Key]*cpuCounters
	leaves     map[string][]Key // by container's cgroup
	cpus       int              // the most that a reading had
	words      []uint64         // scratch, as is busy
	busy       []uint64
}

// Observe enters a reading and appends the counters of its CPUs to dst. No
// counter is ever lower than an earlier Observe of the same key reported,
// whatever the limits did in between. before is what the machine's had reached
// when the container started.
func (t *CPUTable) Observe(key Key, u CPUUsage, dst []view.CPUTimes) (times []view.CPUTimes, before view.HostCounters) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.grow(max(len(u.Time.PerCPU), len(u.CPUs.Shown)))
	c := t.containers[key]
	if c != nil {
		c.busy = t.busy
	} else {
		c = t.add(key)
		words, ok := t.Store.load(c.record, t.words[:0])
		if !ok || !c.setRecord(words) {
			c.begin(u)
		}
	}
	c.advance(u)
	t.busy, c.busy = c.busy, nil
	t.words = c.appendRecord(t.words[:0])
	t.Store.save(c.record, t.words)
	for i := range c.cpus {
		if c.cpus[i].visible {
			dst = append(dst, c.cpus[i].CPUTimes)
		}
	}
	return dst, c.before
}

// cpuCounters is one container's. The container is entitled to its capacity
// every second; what it does not use of that is idle. So 100 % busy means
// "at my limit".
type cpuCounters struct {
	record               uint64 // in the Store
	nowNsec              uint64
	userNsec, systemNsec uint64
	perCPU               []cgroup.CPUTimeOne
	// ahead is entitlement minus use that is not yet shown as idle. It is
	// negative while the container is ahead of its quota: CFS hands a period's
	// quota out at once, so between two close reads use can exceed the
	// capacity without the container being over its limit.
	aheadNsec int64
	// before is the machine's counters at the container's start, once
	// beforeKnown.
	before      view.HostCounters
	beforeKnown bool
	// cpus are the CPUs that were ever shown, ascending. One that a limit took
	// away keeps its counters, and goes on from them when it comes back.
	cpus []cpuCounter
	// shown are the visible ones of cpus.
	shown []*cpuCounter
	// busy is the use of each in this reading. Its memory is the table's.
	busy []uint64
}

// cpuCounter is one CPU, by the kernel's number.
type cpuCounter struct {
	number  int
	visible bool
	view.CPUTimes
}

// maxDebtSec bounds how long an overdraft can hide idle time, in seconds of
// capacity. Quota periods are at most 1 s (kernel/sched/core.c,
// max_cfs_quota_period).
const maxDebtSec = 1

// begin starts as if the container had been watched under its present limits
// since it was made. It reckons by CPU: the sum over many CPUs and years may
// not fit 64 bits of nanoseconds.
func (c *cpuCounters) begin(u CPUUsage) {
	n := len(u.CPUs.Shown)
	c.nowNsec = u.NowNsec
	c.show(u.CPUs.Shown)
	c.userNsec, c.systemNsec = u.Time.UserNsec, u.Time.SystemNsec
	c.spreadUse(u, c.userNsec, c.systemNsec)
	capacityEach := view.MulDiv(u.UptimeNsec, u.CPUs.CapacityNsecPerSec, uint64(n)*nsecPerSec)
	for i, cpu := range c.shown {
		cpu.IdleNsec = view.Sub(capacityEach, c.busy[i])
	}
}

// know reckons what the machine's counters were at the container's start: as
// if they had grown evenly since boot. From then on they count what they do.
func (c *cpuCounters) know(u CPUUsage) {
	if u.Host == nil || c.beforeKnown {
		return
	}
	c.beforeKnown = true
	startNsec := view.Sub(u.NowNsec, u.UptimeNsec)
	at := func(counter uint64) uint64 { return view.MulDiv(counter, startNsec, max(u.NowNsec, 1)) }
	c.before = view.HostCounters{
		Interrupts: at(u.Host.Interrupts), ContextSwitches: at(u.Host.ContextSwitches),
		Forks: at(u.Host.Forks), SoftIRQs: at(u.Host.SoftIRQs),
	}
}

func (c *cpuCounters) advance(u CPUUsage) {
	c.know(u)
	c.show(u.CPUs.Shown)
	user := grown(&c.userNsec, u.Time.UserNsec)
	system := grown(&c.systemNsec, u.Time.SystemNsec)
	elapsed := grown(&c.nowNsec, u.NowNsec)

	capacity := min(view.MulDiv(elapsed, u.CPUs.CapacityNsecPerSec, nsecPerSec), math.MaxInt64/4)
	c.aheadNsec += int64(capacity) - int64(min(user, math.MaxInt64/4)) - int64(min(system, math.MaxInt64/4))
	c.aheadNsec = max(c.aheadNsec, -maxDebtSec*int64(u.CPUs.CapacityNsecPerSec))
	idle := uint64(max(c.aheadNsec, 0))
	c.aheadNsec -= int64(idle)

	c.spreadUse(u, user, system)
	c.spreadIdle(idle, capacity/uint64(len(c.shown)))
}
