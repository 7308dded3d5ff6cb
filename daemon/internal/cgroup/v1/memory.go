package v1

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/cgroup/tree"
)

// MemoryLimit takes a Place in memory. memsw limits RAM and swap together,
// where v2 limits swap alone. The kernel enforces the tightest of each on the
// way up, so what the tightest memsw limit leaves above the tightest RAM limit
// is the swap that can be had. Without a memsw limit swap is not limited.
func (s *source) MemoryLimit(p cgroup.Place, noSwap bool, l *cgroup.MemoryLimit) error {
	*l = cgroup.MemoryLimit{LimitBytes: cgroup.Unlimited, SwapLimitBytes: cgroup.Unlimited}
	both := uint64(cgroup.Unlimited)
	err := s.memory.Up(p.Leaf, "memory.limit_in_bytes", func(level tree.Level, text []byte) (bool, error) {
		limit, err := cgroup.ParseLimit(text)
		if err != nil {
			return false, err
		}
		l.LimitBytes = min(l.LimitBytes, limit)
		if noSwap {
			return true, nil
		}
		err = level.Read("memory.memsw.limit_in_bytes", func(text []byte) error {
			limit, err := cgroup.ParseLimit(text)
			both = min(both, limit)
			return err
		})
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return true, err
	})
	if both != cgroup.Unlimited {
		l.SwapLimitBytes = both - min(l.LimitBytes, both)
	}
	return err
}

// MemoryUsage takes a Place in memory.
func (s *source) MemoryUsage(p cgroup.Place, noSwap bool, m *cgroup.Memory) error {
	usage, err := readUint(s.memory, p.Root, usageFile)
	if err != nil {
		return err
	}
	*m = cgroup.Memory{MemoryLimit: m.MemoryLimit, UsageBytes: usage}
	// Kernels without swap, or booted with swapaccount=0, have no such file.
	if !noSwap {
		both, err := readUint(s.memory, p.Root, "memory.memsw.usage_in_bytes")
		if m.SwapAccounted = err == nil; m.SwapAccounted {
			m.SwapUsageBytes = both - min(usage, both) // memory.stat's figure is better
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return s.memory.StatLately(p.Root, usageFile, m, func(m *cgroup.Memory) error { return s.memoryStat(p.Root, m) })
}

const usageFile = "memory.usage_in_bytes"

// memoryStat reads memory.stat, which counts pages of processes only. Kernel
// memory has one figure, slab caches, stacks and page tables together. It is
// not there with cgroup.memory=nokmem.
func (s *source) memoryStat(root string, m *cgroup.Memory) error {
	kernel, err := readUint(s.memory, root, "memory.kmem.usage_in_bytes")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	m.Stat.SlabUnreclaimableBytes = kernel
	return s.memory.Read(root, "memory.stat", func(text []byte) error { return parseMemoryStat(text, m) })
}

// parseMemoryStat takes the total_ keys: the others leave inner cgroups out.
func parseMemoryStat(text []byte, m *cgroup.Memory) error {
	stat := &m.Stat
	return cgroup.ParseKeyed(text, func(key []byte, n uint64) {
		switch string(key) {
		case "total_cache":
			stat.FileBytes = n
		case "total_rss":
			stat.AnonBytes = n
		case "total_rss_huge":
			stat.AnonTHPBytes = n
		case "total_shmem":
			stat.ShmemBytes = n
		case "total_mapped_file":
			stat.FileMappedBytes = n
		case "total_dirty":
			stat.FileDirtyBytes = n
		case "total_writeback":
			stat.FileWritebackBytes = n
		case "total_swapcached":
			stat.SwapCachedBytes = n
		case "total_inactive_anon":
			stat.InactiveAnonBytes = n
		case "total_active_anon":
			stat.ActiveAnonBytes = n
		case "total_inactive_file":
			stat.InactiveFileBytes = n
		case "total_active_file":
			stat.ActiveFileBytes = n
		case "total_unevictable":
			stat.UnevictableBytes = n
		case "total_swap":
			m.SwapUsageBytes = n
		}
	})
}

// Slabinfo takes a Place in memory. Since Linux 5.9 the file is there but
// empty; before, reading it failed with EIO where kernel memory was not
// accounted.
func (s *source) Slabinfo(p cgroup.Place, dst []byte) ([]byte, error) {
	err := s.memory.ReadPieces(p.Root, "memory.kmem.slabinfo", func(text []byte) error {
		dst = append(dst, text...)
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.EIO) {
		err = nil
	}
	return dst, err
}

func readUint(t *tree.Tree, path, file string) (n uint64, err error) {
	err = t.Read(path, file, func(text []byte) (err error) {
		n, err = cgroup.ParseUint(text)
		return err
	})
	return n, err
}
