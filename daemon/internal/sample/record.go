package sample

import (
	"math"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/view"
)

// Words of a cpuCounters record: the fixed ones, and those of each CPU (three
// counters shown, two as the cgroup last had them).
const (
	cpuRecordFixed  = 7
	cpuRecordPerCPU = 5
)

func (c *cpuCounters) appendRecord(words []uint64) []uint64 {
	words = append(words, c.nowNsec, c.userNsec, c.systemNsec, uint64(c.aheadNsec),
		uint64(c.visible), uint64(len(c.cpus)), uint64(len(c.perCPU)))
	for _, t := range c.cpus {
		words = append(words, t.UserNsec, t.SystemNsec, t.IdleNsec)
	}
	for _, t := range c.perCPU {
		words = append(words, t.UserNsec, t.SystemNsec)
	}
	return words
}

// setRecord is false for words that appendRecord did not write.
func (c *cpuCounters) setRecord(words []uint64) bool {
	if len(words) < cpuRecordFixed {
		return false
	}
	visible, cpus, perCPU := words[4], words[5], words[6]
	if cpus > math.MaxUint16 || perCPU > math.MaxUint16 || visible < 1 || visible > cpus ||
		uint64(len(words)) != cpuRecordFixed+3*cpus+2*perCPU {
		return false
	}
	c.nowNsec, c.userNsec, c.systemNsec, c.aheadNsec = words[0], words[1], words[2], int64(words[3])
	c.visible = int(visible)
	words = words[cpuRecordFixed:]
	for range cpus {
		c.cpus = append(c.cpus, view.CPUTimes{UserNsec: words[0], SystemNsec: words[1], IdleNsec: words[2]})
		words = words[3:]
	}
	for range perCPU {
		c.perCPU = append(c.perCPU, cgroup.CPUTimeOne{UserNsec: words[0], SystemNsec: words[1]})
		words = words[2:]
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
	if len(words) != 1+len(c.averages) {
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
