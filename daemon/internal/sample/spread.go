package sample

import (
	"math"
	"math/bits"
	"slices"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/view"
)

// show makes these CPUs the visible ones. `cpu` is the sum of the visible ones
// and must not drop, so those that stay take over the counters of those that
// go. One that comes back must not drop either, and goes on from where it was.
// So the sum jumps at each change, and a limit that goes up and down for ever
// would wrap the counters: they stop at the top instead.
func (c *cpuCounters) show(cpus []int) {
	if slices.EqualFunc(c.shown, cpus, func(cpu *cpuCounter, number int) bool { return cpu.number == number }) {
		return
	}
	if c.cpus == nil {
		c.cpus, c.shown = make([]cpuCounter, 0, len(cpus)), make([]*cpuCounter, 0, len(cpus))
	}
	for _, number := range cpus {
		at, known := slices.BinarySearchFunc(c.cpus, number, func(cpu cpuCounter, n int) int { return cpu.number - n })
		if !known {
			c.cpus = slices.Insert(c.cpus, at, cpuCounter{number: number})
		}
	}
	var gone []view.CPUTimes
	c.shown = c.shown[:0]
	for i, next := 0, 0; i < len(c.cpus); i++ {
		cpu, wasVisible := &c.cpus[i], c.cpus[i].visible
		cpu.visible = next < len(cpus) && cpus[next] == cpu.number
		if cpu.visible {
			c.shown = append(c.shown, cpu)
			next++
		} else if wasVisible {
			gone = append(gone, cpu.CPUTimes)
		}
	}
	for _, g := range gone {
		for i, cpu := range c.shown {
			add(&cpu.UserNsec, share(g.UserNsec, i, len(c.shown)))
			add(&cpu.SystemNsec, share(g.SystemNsec, i, len(c.shown)))
			add(&cpu.IdleNsec, share(g.IdleNsec, i, len(c.shown)))
		}
	}
}

// spreadUse adds the CPU time used to the visible CPUs, and to busy. v1 says
// which CPU it was; that is kept while no quota lets threads wander over more
// CPUs than are shown. Elsewhere (cgroup v2 has no per-CPU figures) all get the
// same.
func (c *cpuCounters) spreadUse(u CPUUsage, user, system uint64) {
	n := len(c.shown)
	c.busy = append(c.busy[:0], make([]uint64, n)...)
	if u.CPUs.Whole && len(u.Time.PerCPU) > 0 {
		for i, cpu := range c.shown {
			if cpu.number >= len(u.Time.PerCPU) {
				continue
			}
			now, last := u.Time.PerCPU[cpu.number], cgroup.CPUTimeOne{}
			if cpu.number < len(c.perCPU) {
				last = c.perCPU[cpu.number]
			}
			du := min(user, view.Sub(now.UserNsec, last.UserNsec))
			ds := min(system, view.Sub(now.SystemNsec, last.SystemNsec))
			user, system = user-du, system-ds
			cpu.UserNsec += du
			cpu.SystemNsec += ds
			c.busy[i] += du + ds
		}
	}
	c.perCPU = append(c.perCPU[:0], u.Time.PerCPU...)
	for i, cpu := range c.shown {
		du, ds := share(user, i, n), share(system, i, n)
		cpu.UserNsec += du
		cpu.SystemNsec += ds
		c.busy[i] += du + ds
	}
}

// spreadIdle gives idle time to the CPUs that had room for it.
func (c *cpuCounters) spreadIdle(idle, capacityEach uint64) {
	n := len(c.shown)
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
		c.shown[i].IdleNsec += part
		left -= part
	}
	c.shown[0].IdleNsec += left // what rounding left over
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
