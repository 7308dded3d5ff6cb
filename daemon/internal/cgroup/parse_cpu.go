package cgroup

import (
	"bytes"
	"math"
	"math/bits"
)

// maxCPUs bounds a CPU number; the kernel's largest NR_CPUS is 8192.
const maxCPUs = 1 << 16

// ParseCPUList fills cpus with a list such as "0-3,7\n", ascending as the
// kernel prints it; an empty list gives none.
func ParseCPUList(text []byte, cpus []int) ([]int, error) {
	cpus = cpus[:0]
	list := trimLine(text)
	for more := len(list) > 0; more; {
		var part []byte
		part, list, more = bytes.Cut(list, []byte{','})
		from, to, isRange := bytes.Cut(part, []byte{'-'})
		if !isRange {
			to = from
		}
		first, ok1 := number(from)
		last, ok2 := number(to)
		if !ok1 || !ok2 || first > last || last >= maxCPUs {
			return cpus[:0], Malformed(text)
		}
		if n := len(cpus); n > 0 && int(first) <= cpus[n-1] {
			return cpus[:0], Malformed(text)
		}
		for cpu := int(first); cpu <= int(last); cpu++ {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}

// ParseCPUMax reads v2's cpu.max: "50000 100000\n" or "max 100000\n".
func ParseCPUMax(text []byte) (CPULimit, error) {
	quotaText, periodText := word(trimLine(text))
	period, ok := number(periodText)
	if !ok || period == 0 {
		return CPULimit{}, Malformed(text)
	}
	if string(quotaText) == "max" {
		return CPULimit{PeriodUsec: period}, nil
	}
	quota, ok := number(quotaText)
	if !ok || quota == 0 {
		return CPULimit{}, Malformed(text)
	}
	return CPULimit{QuotaUsec: quota, PeriodUsec: period}, nil
}

// ParseQuota reads v1's cpu.cfs_quota_us, in microseconds; its "-1" for no
// limit becomes 0, which the kernel does not take as a quota.
func ParseQuota(text []byte) (uint64, error) {
	if string(trimLine(text)) == "-1" {
		return 0, nil
	}
	return ParsePositive(text)
}

// ParsePositive is ParseUint without 0.
func ParsePositive(text []byte) (uint64, error) {
	n, err := ParseUint(text)
	if err == nil && n == 0 {
		err = Malformed(text)
	}
	return n, err
}

// Tighten makes l the tighter of l and other. The ratios are compared by
// their cross products, in 128 bits: divided, 1/3 would be rounded.
func (l *CPULimit) Tighten(other CPULimit) {
	if other.QuotaUsec == 0 {
		return
	}
	otherHigh, otherLow := bits.Mul64(other.QuotaUsec, l.PeriodUsec)
	high, low := bits.Mul64(l.QuotaUsec, other.PeriodUsec)
	if l.QuotaUsec == 0 || otherHigh < high || otherHigh == high && otherLow < low {
		*l = other
	}
}

// ParseUsageAll fills perCPU with v1's cpuacct.usage_all: a header, then
// "CPU USER SYSTEM" in nanoseconds for each possible CPU, ascending.
func ParseUsageAll(text []byte, perCPU []CPUTimeOne) ([]CPUTimeOne, error) {
	perCPU = perCPU[:0]
	header, lines, _ := bytes.Cut(text, newline)
	if string(header) != "cpu user system" || len(lines) == 0 {
		return perCPU, Malformed(text)
	}
	for len(lines) > 0 {
		line, rest, complete := bytes.Cut(lines, newline)
		cpuText, times := word(line)
		userText, systemText := word(times)
		cpu, ok := number(cpuText)
		user, okUser := number(userText)
		system, okSystem := number(systemText)
		if !ok || !okUser || !okSystem || !complete || cpu >= maxCPUs || int(cpu) < len(perCPU) {
			return perCPU[:0], Malformed(line)
		}
		for len(perCPU) < int(cpu) { // CPU numbers may have gaps
			perCPU = append(perCPU, CPUTimeOne{})
		}
		perCPU = append(perCPU, CPUTimeOne{UserNsec: user, SystemNsec: system})
		lines = rest
	}
	return perCPU, nil
}

// ParsePerCPU reads v1's cpuacct.usage_percpu_user and _sys, "123 456 \n" in
// nanoseconds, and passes each CPU's time to visit.
func ParsePerCPU(text []byte, visit func(cpu int, nsec uint64)) error {
	list := bytes.TrimSuffix(trimLine(text), space)
	for cpu, more := 0, true; more; cpu++ {
		var field []byte
		field, list, more = bytes.Cut(list, space)
		n, ok := number(field)
		if !ok || cpu >= maxCPUs {
			return Malformed(text)
		}
		visit(cpu, n)
	}
	return nil
}

// Nsec turns a time into nanoseconds; one that would not fit becomes the
// largest instead of wrapping around.
func Nsec(n, unitNsec uint64) uint64 {
	if high, low := bits.Mul64(n, unitNsec); high == 0 {
		return low
	}
	return math.MaxUint64
}

// Add stops at the largest value instead of wrapping around.
func Add(a, b uint64) uint64 {
	if sum, carry := bits.Add64(a, b, 0); carry == 0 {
		return sum
	}
	return math.MaxUint64
}
