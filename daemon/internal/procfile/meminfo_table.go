package procfile

import "github.com/podview/podview/daemon/internal/view"

// Reasons that several lines share.
const (
	hugePages  = "the machine's pool; memory.max does not count it"
	pageTables = "how the kernel maps the machine"
	notCounted = "cgroups do not count it"
)

// meminfoRows is every line of /proc/meminfo, in the order of
// fs/proc/meminfo.c meminfo_proc_show.
var meminfoRows = []meminfoRow{
	ofMemory("MemTotal", "memory.limit_in_bytes", "memory.max", "tightest limit of the cgroup and its ancestors",
		func(m *view.Memory, _ hostMeminfo) uint64 { return m.TotalBytes / kB }),
	ofMemory("MemFree", "memory.usage_in_bytes", "memory.current", "MemTotal − usage, at least 0",
		func(m *view.Memory, _ hostMeminfo) uint64 { return m.FreeBytes / kB }),
	ofMemory("MemAvailable", "memory.stat total_{active,inactive}_file", "memory.stat {active,inactive}_file, slab_reclaimable",
		"MemFree + what can be reclaimed without swapping; at most MemTotal and the host's MemAvailable",
		func(m *view.Memory, _ hostMeminfo) uint64 { return m.AvailableBytes / kB }),
	zero("Buffers", "cgroups count buffers in Cached"),
	ofMemory("Cached", "memory.stat total_cache", "memory.stat file", "the figure (shared memory included, as in the kernel's line); at most the usage and MemTotal",
		func(m *view.Memory, _ hostMeminfo) uint64 { return min(m.Stat.FileBytes, m.TotalBytes) / kB }),
	ofStat("SwapCached", "swapcached", "swapcached", func(s *memoryStat) uint64 { return s.SwapCachedBytes }),
	ofMemory("Active", "memory.stat total_active_{anon,file}", "memory.stat active_{anon,file}", "Active(anon) + Active(file)",
		func(m *view.Memory, _ hostMeminfo) uint64 {
			return m.Stat.ActiveAnonBytes/kB + m.Stat.ActiveFileBytes/kB
		}),
	ofMemory("Inactive", "memory.stat total_inactive_{anon,file}", "memory.stat inactive_{anon,file}", "Inactive(anon) + Inactive(file)",
		func(m *view.Memory, _ hostMeminfo) uint64 {
			return m.Stat.InactiveAnonBytes/kB + m.Stat.InactiveFileBytes/kB
		}),
	ofStat("Active(anon)", "active_anon", "active_anon", func(s *memoryStat) uint64 { return s.ActiveAnonBytes }),
	ofStat("Inactive(anon)", "inactive_anon", "inactive_anon", func(s *memoryStat) uint64 { return s.InactiveAnonBytes }),
	ofStat("Active(file)", "active_file", "active_file", func(s *memoryStat) uint64 { return s.ActiveFileBytes }),
	ofStat("Inactive(file)", "inactive_file", "inactive_file", func(s *memoryStat) uint64 { return s.InactiveFileBytes }),
	ofStat("Unevictable", "unevictable", "unevictable", func(s *memoryStat) uint64 { return s.UnevictableBytes }),
	ofMemory("Mlocked", "memory.stat total_unevictable", "memory.stat unevictable", "Unevictable: cgroups do not count locked pages apart",
		func(m *view.Memory, _ hostMeminfo) uint64 { return m.Stat.UnevictableBytes / kB }),
	ofSwap("SwapTotal", "memory.memsw.limit_in_bytes − memory.limit_in_bytes", "memory.swap.max",
		"tightest limit of the cgroup and its ancestors", func(m *view.Memory) uint64 { return m.SwapTotalBytes }),
	ofSwap("SwapFree", "memory.stat total_swap", "memory.swap.current",
		"SwapTotal − usage", func(m *view.Memory) uint64 { return m.SwapFreeBytes }),
	ofStat("Zswap", "", "zswap", func(s *memoryStat) uint64 { return s.ZswapBytes }),
	ofStat("Zswapped", "", "zswapped", func(s *memoryStat) uint64 { return s.ZswappedBytes }),
	ofStat("Dirty", "dirty", "file_dirty", func(s *memoryStat) uint64 { return s.FileDirtyBytes }),
	ofStat("Writeback", "writeback", "file_writeback", func(s *memoryStat) uint64 { return s.FileWritebackBytes }),
	ofStat("AnonPages", "rss", "anon", func(s *memoryStat) uint64 { return s.AnonBytes }),
	ofStat("Mapped", "mapped_file", "file_mapped", func(s *memoryStat) uint64 { return s.FileMappedBytes }),
	ofStat("Shmem", "shmem", "shmem", func(s *memoryStat) uint64 { return s.ShmemBytes }),
	ofStat("KReclaimable", "", "slab_reclaimable", func(s *memoryStat) uint64 { return s.SlabReclaimableBytes }),
	ofMemory("Slab", "memory.kmem.usage_in_bytes", "memory.stat slab_{reclaimable,unreclaimable}", "SReclaimable + SUnreclaim",
		func(m *view.Memory, _ hostMeminfo) uint64 {
			return m.Stat.SlabReclaimableBytes/kB + m.Stat.SlabUnreclaimableBytes/kB
		}),
	ofStat("SReclaimable", "", "slab_reclaimable", func(s *memoryStat) uint64 { return s.SlabReclaimableBytes }),
	ofMemory("SUnreclaim", "memory.kmem.usage_in_bytes", "memory.stat slab_unreclaimable", "the figure; on v1 all kernel memory, which is one figure there",
		func(m *view.Memory, _ hostMeminfo) uint64 { return m.Stat.SlabUnreclaimableBytes / kB }),
	ofStat("KernelStack", "", "kernel_stack", func(s *memoryStat) uint64 { return s.KernelStackBytes }),
	zero("ShadowCallStack", notCounted),
	ofStat("PageTables", "", "pagetables", func(s *memoryStat) uint64 { return s.PageTablesBytes }),
	ofStat("SecPageTables", "", "sec_pagetables", func(s *memoryStat) uint64 { return s.SecPageTablesBytes }),
	zero("NFS_Unstable", "counted in Writeback; newer kernels print 0 too"),
	zero("Bounce", notCounted),
	zero("WritebackTmp", notCounted),
	ofMemory("CommitLimit", "", "", "SwapTotal + the host's overcommit share (vm.overcommit_ratio) of MemTotal", commitLimitKB),
	ofMemory("Committed_AS", "memory.stat total_{rss,shmem}", "memory.stat anon, shmem",
		"AnonPages + Shmem + used swap: cgroups do not count what was promised, and this much is in use",
		func(m *view.Memory, _ hostMeminfo) uint64 {
			return m.Stat.AnonBytes/kB + m.Stat.ShmemBytes/kB + subtract(m.SwapTotalBytes, m.SwapFreeBytes)/kB
		}),
	ofHost("VmallocTotal", "the size of the kernel's address space"),
	ofStat("VmallocUsed", "", "vmalloc", func(s *memoryStat) uint64 { return s.VmallocBytes }),
	ofHost("VmallocChunk", "always 0 in kernels since 4.4"),
	ofStat("Percpu", "", "percpu", func(s *memoryStat) uint64 { return s.PercpuBytes }),
	zero("HardwareCorrupted", "lost by the machine, not by the container"),
	ofStat("AnonHugePages", "rss_huge", "anon_thp", func(s *memoryStat) uint64 { return s.AnonTHPBytes }),
	ofStat("ShmemHugePages", "", "shmem_thp", func(s *memoryStat) uint64 { return s.ShmemTHPBytes }),
	zero("ShmemPmdMapped", notCounted),
	ofStat("FileHugePages", "", "file_thp", func(s *memoryStat) uint64 { return s.FileTHPBytes }),
	zero("FilePmdMapped", notCounted),
	zero("CmaTotal", "a reserve of the machine"),
	zero("CmaFree", "a reserve of the machine"),
	zero("Unaccepted", "a state of the machine's memory"),
	zero("Balloon", "taken from the machine by its hypervisor"),
	ofHost("HugePages_Total", hugePages),
	ofHost("HugePages_Free", hugePages),
	ofHost("HugePages_Rsvd", hugePages),
	ofHost("HugePages_Surp", hugePages),
	ofHost("Hugepagesize", "the machine's"),
	ofHost("Hugetlb", hugePages),
	ofHost("DirectMap4k", pageTables),
	ofHost("DirectMap64k", pageTables),
	ofHost("DirectMap1M", pageTables),
	ofHost("DirectMap2M", pageTables),
	ofHost("DirectMap4M", pageTables),
	ofHost("DirectMap1G", pageTables),
	ofHost("DirectMap2G", pageTables),
}
