package v2

import (
	"errors"
	"io/fs"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/cgroup/tree"
)

func (s *source) Memory(p cgroup.Place, noSwap bool, m *cgroup.Memory) error {
	*m = cgroup.Memory{}
	var err error
	if m.LimitBytes, err = s.tightest(p.Leaf, "memory.max"); err != nil {
		return err
	}
	if !noSwap {
		if m.SwapLimitBytes, err = s.tightest(p.Leaf, "memory.swap.max"); err != nil {
			return err
		}
	}
	return s.memoryUsage(p.Root, noSwap, m)
}

// tightest is the lowest limit from leaf upwards: the kernel charges a page
// to every level, and enforces each level's limit.
func (s *source) tightest(leaf, file string) (uint64, error) {
	limitBytes := uint64(cgroup.Unlimited)
	err := s.tree.UpLimits(leaf, file, func(_ tree.Level, text []byte) (bool, error) {
		n, err := cgroup.ParseLimit(text)
		limitBytes = min(limitBytes, n)
		return true, err
	})
	return limitBytes, err
}

// memoryUsage reads root, or the nearest ancestor with a memory controller:
// that is where the kernel charges root's pages. There may be none, and the
// root cgroup has no memory.current; then nothing limits the memory either,
// and the usage stays 0.
func (s *source) memoryUsage(root string, noSwap bool, m *cgroup.Memory) error {
	var charged string
	err := s.tree.Up(root, "memory.current", func(level tree.Level, text []byte) (more bool, err error) {
		charged = level.Path
		m.UsageBytes, err = cgroup.ParseUint(text)
		return false, err
	})
	if err != nil || charged == "" {
		return err
	}
	if !noSwap {
		err = s.tree.Read(charged, "memory.swap.current", func(text []byte) (err error) {
			m.SwapUsageBytes, err = cgroup.ParseUint(text)
			return err
		})
		// Kernels without swap, or booted with swapaccount=0, have no such file.
		m.SwapAccounted = err == nil
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return s.tree.ReadLately(charged, "memory.stat", "memory.current", func(text []byte) error {
		return parseMemoryStat(text, &m.Stat)
	})
}

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
