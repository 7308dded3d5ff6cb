package sample

import (
	"math"
	"math/bits"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/view"
)

// resize shows n CPUs. `cpu` is the sum of the visible ones and must not
// drop, so those that stay take over the counters of those that go. One that
// comes back must not drop either, and goes on from where it was. So the sum
// jumps at each change of n, and a limit that goes up and down for ever would
// wrap the counters: they stop at the top instead.
func (c *cpuCounters) resize(n int) {
	for len(c.cpus) < n {
		c.cpus = append(c.cpus, view.CPUTimes{})
	}
	for gone := n; gone < c.visible; gone++ {
		for i := range n {
			add(&c.cpus[i].UserNsec, share(c.cpus[gone].UserNsec, i, n))
			add(&c.cpus[i].SystemNsec, share(c.cpus[gone].SystemNsec, i, n))
			add(&c.cpus[i].IdleNsec, share(c.cpus[gone].IdleNsec, i, n))
		}
	}
	c.visible = n
}

// spreadUse adds the CPU time used to the virtual CPUs, and to busy. v1 says
// which physical CPU it was; that is kept while a virtual CPU is a physical
// one. Elsewhere (cgroup v2 has no per-CPU figures, and a quota lets threads
// wander over more CPUs than are shown) all get the same.
func (c *cpuCounters) spreadUse(u CPUUsage, user, system uint64) {
	n := c.visible
	c.busy = append(c.busy[:0], make([]uint64, n)...)
	if u.CPUs.Whole && len(u.Time.PerCPU) > 0 {
		for i, physical := range u.CPUs.Physical {
			if physical >= len(u.Time.PerCPU) {
				continue
			}
			now, last := u.Time.PerCPU[physical], cgroup.CPUTimeOne{}
			if physical < len(c.perCPU) {
				last = c.perCPU[physical]
			}
			du := min(user, view.Sub(now.UserNsec, last.UserNsec))
			ds := min(system, view.Sub(now.SystemNsec, last.SystemNsec))
			user, system = user-du, system-ds
			c.cpus[i].UserNsec += du
			c.cpus[i].SystemNsec += ds
			c.busy[i] += du + ds
		}
	}
	c.perCPU = append(c.perCPU[:0], u.Time.PerCPU...)
	for i := range n {
		du, ds := share(user, i, n), share(system, i, n)
		c.cpus[i].UserNsec += du
		c.cpus[i].SystemNsec += ds
		c.busy[i] += du + ds
	}
}

// spreadIdle gives idle time to the CPUs that had room for it.
func (c *cpuCounters) spreadIdle(idle, capacityEach uint64) {
	n := c.visible
	var room uint64
	for i := range n {
		room += view.Sub(capacityEach, c.busy[i])
	}
	left := idle
	for i := range n {
		part := share(idle, i, n)
		if room > 0 {
			part = view.MulDiv(idle, view.Sub(capacityEach, c.busy[i]), room)
		}
		part = min(part, left)
		c.cpus[i].IdleNsec += part
		left -= part
	}
	c.cpus[0].IdleNsec += left // what rounding left over
}

// grown returns how much *last rises to reach now, and 0 when now is lower:
// concurrent readers may enter their readings out of order.
func grown(last *uint64, now uint64) uint64 {
	d := view.Sub(now, *last)
	*last += d
	return d
}

// share is the i-th of n near-equal parts of total; they add up to it.
func share(total uint64, i, n int) uint64 {
	part := total / uint64(n)
	if uint64(i) < total%uint64(n) {
		part++
	}
	return part
}

// add stops at the top.
func add(counter *uint64, by uint64) {
	sum, carry := bits.Add64(*counter, by, 0)
	if carry != 0 {
		sum = math.MaxUint64
	}
	*counter = sum
}
