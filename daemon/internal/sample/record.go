package sample

import (
	"math"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/view"
)

// Words of a cpuCounters record: the fixed ones, and those of each CPU (its
// number and three counters, two as the cgroup last had them). The mark is not
// what another layout had in that place.
const (
	cpuRecordFixed  = 11
	cpuRecordPerCPU = 6
	cpuRecordMark   = 1<<63 | 2
	recordVisible   = 1 << 63 // beside a CPU's number
	// loadRecordWords are those of a loadState.
	loadRecordWords = 4
)

func (c *cpuCounters) appendRecord(words []uint64) []uint64 {
	known := uint64(0)
	if c.beforeKnown {
		known = 1
	}
	words = append(words, c.nowNsec, c.userNsec, c.systemNsec, uint64(c.aheadNsec), cpuRecordMark,
		known, c.before.Interrupts, c.before.ContextSwitches, c.before.Forks, c.before.SoftIRQs,
		uint64(len(c.cpus)))
	for _, cpu := range c.cpus {
		number := uint64(cpu.number)
		if cpu.visible {
			number |= recordVisible
		}
		words = append(words, number, cpu.UserNsec, cpu.SystemNsec, cpu.IdleNsec)
	}
	for _, t := range c.perCPU {
		words = append(words, t.UserNsec, t.SystemNsec)
	}
	return words
}

// setRecord is false for words that appendRecord did not write.
func (c *cpuCounters) setRecord(words []uint64) bool {
	if len(words) < cpuRecordFixed || words[4] != cpuRecordMark {
		return false
	}
	n := words[10]
	perCPU := words[cpuRecordFixed:]
	if n < 1 || n > math.MaxUint16 || uint64(len(perCPU)) < 4*n || (uint64(len(perCPU))-4*n)%2 != 0 {
		return false
	}
	var cpus []cpuCounter
	for last := -1; len(cpus) < int(n); perCPU = perCPU[4:] {
		cpu := cpuCounter{int(perCPU[0] &^ recordVisible), perCPU[0]&recordVisible != 0,
			view.CPUTimes{UserNsec: perCPU[1], SystemNsec: perCPU[2], IdleNsec: perCPU[3]}}
		if cpu.number <= last || cpu.number > math.MaxUint16 {
			return false
		}
		last = cpu.number
		cpus = append(cpus, cpu)
	}
	c.cpus = cpus
	c.nowNsec, c.userNsec, c.systemNsec, c.aheadNsec = words[0], words[1], words[2], int64(words[3])
	c.beforeKnown = words[5] != 0
	c.before = view.HostCounters{Interrupts: words[6], ContextSwitches: words[7], Forks: words[8], SoftIRQs: words[9]}
	for ; len(perCPU) > 0; perCPU = perCPU[2:] {
		c.perCPU = append(c.perCPU, cgroup.CPUTimeOne{UserNsec: perCPU[0], SystemNsec: perCPU[1]})
	}
	return true
}

func (c *loadState) appendRecord(words []uint64) []uint64 {
	words = append(words, c.countedNsec)
	for _, a := range c.averages {
		words = append(words, math.Float64bits(a))
	}
	return words
}

func (c *loadState) setRecord(words []uint64) bool {
	if len(words) != loadRecordWords {
		return false
	}
	for i := range c.averages {
		a := math.Float64frombits(words[1+i])
		if !(a >= 0 && a < math.MaxUint32) { // NaN too
			return false
		}
		c.averages[i] = a
	}
	c.countedNsec = words[0]
	return true
}
