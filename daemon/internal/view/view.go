// Package view turns what cgroups say into what a program in the container
// should see. It is arithmetic only: no I/O, no clock.
package view

import "github.com/podview/podview/daemon/internal/cgroup"

// Container is everything an emulated file may print, in virtual terms.
// Only the parts a file asked for are filled.
type Container struct {
	Memory Memory
	CPUs   CPUs
	// Times is by CPU, as long as CPUs.Shown.
	Times []CPUTimes
	// UptimeNsec is the time since the container started.
	UptimeNsec uint64
	Load       Load
	// Before is what the host's counters of /proc/stat had reached when the
	// container started.
	Before HostCounters
	IO     []cgroup.DeviceIO
	// Raw is the cgroup's own file where one is passed through (slabinfo,
	// pressure); nil where the kernel has none.
	Raw []byte
}

// Memory is the container's share of the machine's, in bytes.
type Memory struct {
	// Limited is false when no limit below the host's size is set: the
	// host's own lines are then the truth.
	Limited                               bool
	TotalBytes, FreeBytes, AvailableBytes uint64
	// SwapLimited is false when the host's own swap lines are the truth.
	SwapLimited                   bool
	SwapTotalBytes, SwapFreeBytes uint64
	Stat                          cgroup.MemoryStat
}

// CPUs is what the container sees of the machine's CPUs.
type CPUs struct {
	// Shown are those that are on line for it, by the kernel's numbers,
	// ascending.
	Shown []int
	// CapacityNsecPerSec is the CPU time the container can get in a second:
	// a quota of 0.5 CPU is 5e8, although it sees one CPU.
	CapacityNsecPerSec uint64
	// All is set when these are all of the host's CPUs, so that the host's
	// own files are the truth.
	All bool
	// Whole is set when no quota is below these CPUs: what runs on a CPU is
	// shown there.
	Whole bool
}

// CPUTimes is one CPU's counters since the container started.
type CPUTimes struct{ UserNsec, SystemNsec, IdleNsec uint64 }

// HostCounters are the machine's, of /proc/stat, since it was booted.
type HostCounters struct{ Interrupts, ContextSwitches, Forks, SoftIRQs uint64 }

// Load is the container's load averages.
type Load struct {
	// Averages over 1, 5 and 15 minutes, in the kernel's fixed point
	// (FixedOne is 1.0; include/linux/sched/loadavg.h).
	Averages [3]uint64
	// Running and Total count threads.
	Running, Total int
	// Blocked counts threads in uninterruptible sleep.
	Blocked int
	// LastPID is the newest process id the caller can know of.
	LastPID int
}

// FixedOne is 1.0 in Load.Averages (the kernel's FIXED_1).
const FixedOne = 1 << 11
