package v2

import (
	"errors"
	"io/fs"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/cgroup/tree"
)

func (s *source) MemoryLimit(p cgroup.Place, noSwap bool, l *cgroup.MemoryLimit) (err error) {
	*l = cgroup.MemoryLimit{}
	if l.LimitBytes, err = s.tightest(p.Leaf, "memory.max"); err == nil && !noSwap {
		l.SwapLimitBytes, err = s.tightest(p.Leaf, "memory.swap.max")
	}
	return err
}

// tightest is the lowest limit from leaf upwards: the kernel charges a page
// to every level, and enforces each level's limit.
func (s *source) tightest(leaf, file string) (uint64, error) {
	limitBytes := uint64(cgroup.Unlimited)
	err := s.tree.Up(leaf, file, func(_ tree.Level, text []byte) (bool, error) {
		n, err := cgroup.ParseLimit(text)
		limitBytes = min(limitBytes, n)
		return true, err
	})
	return limitBytes, err
}

// MemoryUsage reads Root, or the nearest ancestor with a memory controller:
// that is where the kernel charges Root's pages. There may be none, and the
// root cgroup has no memory.current; then nothing limits the memory either,
// and the usage stays 0.
func (s *source) MemoryUsage(p cgroup.Place, noSwap bool, m *cgroup.Memory) error {
	*m = cgroup.Memory{MemoryLimit: m.MemoryLimit}
	var charged string
	err := s.tree.Up(p.Root, usageFile, func(level tree.Level, text []byte) (more bool, err error) {
		charged = level.Path
		m.UsageBytes, err = cgroup.ParseUint(text)
		return false, err
	})
	if err != nil || charged == "" {
		return err
	}
	err = s.tree.StatLately(charged, usageFile, m, func(m *cgroup.Memory) error {
		return s.tree.Read(charged, "memory.stat", func(text []byte) error { return parseMemoryStat(text, &m.Stat) })
	})
	if err != nil || noSwap {
		return err
	}
	err = s.tree.Read(charged, "memory.swap.current", func(text []byte) (err error) {
		m.SwapUsageBytes, err = cgroup.ParseUint(text)
		return err
	})
	// Kernels without swap, or booted with swapaccount=0, have no such file.
	if m.SwapAccounted = err == nil; errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return err
}

const usageFile = "memory.current"

func parseMemoryStat(text []byte, m *cgroup.MemoryStat) error {
	return cgroup.ParseKeyed(text, func(key []byte, n uint64) {
		switch string(key) {
		case "anon":
			m.AnonBytes = n
		case "anon_thp":
			m.AnonTHPBytes = n
		case "file":
			m.FileBytes = n
		case "file_mapped":
			m.FileMappedBytes = n
		case "file_dirty":
			m.FileDirtyBytes = n
		case "file_writeback":
			m.FileWritebackBytes = n
		case "file_thp":
			m.FileTHPBytes = n
		case "shmem_thp":
			m.ShmemTHPBytes = n
		case "shmem":
			m.ShmemBytes = n
		case "swapcached":
			m.SwapCachedBytes = n
		case "active_anon":
			m.ActiveAnonBytes = n
		case "inactive_anon":
			m.InactiveAnonBytes = n
		case "active_file":
			m.ActiveFileBytes = n
		case "inactive_file":
			m.InactiveFileBytes = n
		case "unevictable":
			m.UnevictableBytes = n
		case "slab_reclaimable":
			m.SlabReclaimableBytes = n
		case "slab_unreclaimable":
			m.SlabUnreclaimableBytes = n
		case "kernel_stack":
			m.KernelStackBytes = n
		case "pagetables":
			m.PageTablesBytes = n
		case "sec_pagetables":
			m.SecPageTablesBytes = n
		case "percpu":
			m.PercpuBytes = n
		case "vmalloc":
			m.VmallocBytes = n
		case "zswap":
			m.ZswapBytes = n
		case "zswapped":
			m.ZswappedBytes = n
		}
	})
}
