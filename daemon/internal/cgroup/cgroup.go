// Package cgroup holds what podview reads of a container's cgroups, in terms
// that are the same for cgroup v1 and v2. Packages v1 and v2 fill it; this
// package does no I/O.
package cgroup

import "math"

// Unlimited is a byte limit that is not set ("max", or v1's page-rounded
// LONG_MAX).
const Unlimited = math.MaxUint64

// Place is where a caller sits in one hierarchy. Both are absolute cgroup
// paths as /proc/PID/cgroup prints them in the root cgroup namespace.
//
// Limits are the tightest from Leaf up to the hierarchy's root, because the
// kernel enforces all of them. Usage is Root's: what a container uses is one
// figure, whichever of its inner cgroups asks.
type Place struct {
	Leaf string // the caller's own cgroup
	Root string // its container's: Leaf, or an ancestor of Leaf
}

// Source reads one kind of hierarchy. Each method fills its result, reusing
// the slices in it. An error names the file and quotes what was wrong; the
// caller then falls back to the host's figures.
type Source interface {
	// ID tells a container from a later one of the same name: the inode
	// number of the Root directory.
	ID(Place) (uint64, error)
	// IDAfterCPUTime is ID for who has just called CPUTime, which found out
	// whether the cgroup is still the same.
	IDAfterCPUTime(Place) (uint64, error)
	// MemoryLimit leaves swap's out when noSwap: a machine without swap has no
	// use for it.
	MemoryLimit(p Place, noSwap bool, l *MemoryLimit) error
	// MemoryUsage fills everything but the limits; without swap when noSwap.
	MemoryUsage(p Place, noSwap bool, m *Memory) error
	CPULimit(Place, *CPULimit) error
	// CPUID is ID where CPULimit is read.
	CPUID(Place) (uint64, error)
	// CPUs fills the physical CPUs the Leaf may run on, ascending; empty
	// when there is no cpuset controller.
	CPUs(p Place, cpus []int) ([]int, error)
	CPUTime(Place, *CPUTime) error
	IO(p Place, devices []DeviceIO) ([]DeviceIO, error)
	// CPUUsedNsec changes whenever a thread of Root has run for a microsecond,
	// unlike the figures of CPUTime, which some kernels only count by ticks.
	CPUUsedNsec(Place) (uint64, error)
	// Pressure appends the Root's own pressure file; resource is cpu, io,
	// irq or memory. errors.Is(err, fs.ErrNotExist) where the kernel has none.
	Pressure(p Place, resource string, dst []byte) ([]byte, error)
	// Slabinfo appends the Root's own slabinfo; nothing where the kernel has
	// none.
	Slabinfo(p Place, dst []byte) ([]byte, error)
	// Processes appends the pids of all processes below Root, inner cgroups
	// included, as the reader's pid namespace numbers them.
	Processes(p Place, pids []int) ([]int, error)
	// Threads is Processes for threads. errors.Is(err, fs.ErrNotExist) where
	// the kernel has no such list.
	Threads(p Place, tids []int) ([]int, error)
}

// Memory is in bytes.
type Memory struct {
	MemoryLimit
	UsageBytes uint64 // Root's, file cache included

	// SwapAccounted is false where the kernel keeps no swap figures for
	// cgroups, or nobody asked; swap's limit and usage are then meaningless.
	SwapAccounted  bool
	SwapUsageBytes uint64 // Root's

	Stat MemoryStat
}

// MemoryLimit is the tightest limits of Leaf and its ancestors, in bytes, or
// Unlimited.
type MemoryLimit struct {
	LimitBytes     uint64
	SwapLimitBytes uint64 // swap alone
}

// MemoryStat is Root's memory.stat, inner cgroups included. Names are v2's;
// v1's equivalents are noted in v1/memory.go. 0 where a version has none.
type MemoryStat struct {
	AnonBytes, AnonTHPBytes             uint64
	FileBytes                           uint64 // page cache, tmpfs and shared memory included
	FileMappedBytes                     uint64
	FileDirtyBytes, FileWritebackBytes  uint64
	FileTHPBytes, ShmemTHPBytes         uint64
	ShmemBytes                          uint64
	SwapCachedBytes                     uint64
	ActiveAnonBytes, InactiveAnonBytes  uint64
	ActiveFileBytes, InactiveFileBytes  uint64
	UnevictableBytes                    uint64
	SlabReclaimableBytes                uint64
	SlabUnreclaimableBytes              uint64 // v1: all kernel memory, it has no split
	KernelStackBytes                    uint64
	PageTablesBytes, SecPageTablesBytes uint64
	PercpuBytes, VmallocBytes           uint64
	ZswapBytes, ZswappedBytes           uint64 // compressed size, original size
}

// CPULimit is the bandwidth limit with the smallest quota/period of Leaf and
// its ancestors.
type CPULimit struct {
	QuotaUsec, PeriodUsec uint64 // QuotaUsec 0: no limit
}

// CPUTime is what Root has used since it was made, inner cgroups included.
type CPUTime struct {
	UserNsec, SystemNsec uint64
	// PerCPU is by physical CPU number; empty on v2, whose cpu.stat has no
	// split.
	PerCPU []CPUTimeOne
}

// CPUTimeOne is one physical CPU's share.
type CPUTimeOne struct{ UserNsec, SystemNsec uint64 }

// DeviceIO is what Root has read from and written to one block device.
type DeviceIO struct {
	Major, Minor                        uint32
	ReadBytes, WriteBytes, DiscardBytes uint64
	ReadIOs, WriteIOs, DiscardIOs       uint64
}
