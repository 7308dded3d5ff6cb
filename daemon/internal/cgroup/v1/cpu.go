package v1

import (
	"errors"
	"io/fs"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/cgroup/tree"
)

// CPULimit takes a Place in cpu.
func (s *source) CPULimit(p cgroup.Place, l *cgroup.CPULimit) error {
	*l = cgroup.CPULimit{}
	return s.cpu.Up(p.Leaf, "cpu.cfs_quota_us", func(level tree.Level, text []byte) (bool, error) {
		quotaUsec, err := cgroup.ParseQuota(text)
		if err != nil || quotaUsec == 0 {
			return true, err
		}
		return true, level.Read("cpu.cfs_period_us", func(text []byte) error {
			periodUsec, err := cgroup.ParsePositive(text)
			if err == nil {
				l.Tighten(cgroup.CPULimit{QuotaUsec: quotaUsec, PeriodUsec: periodUsec})
			}
			return err
		})
	})
}

// CPUTime takes a Place in cpuacct. It reads the first of three files that
// this kernel has: the older ones say less.
func (s *source) CPUTime(p cgroup.Place, t *cgroup.CPUTime) error {
	*t = cgroup.CPUTime{PerCPU: t.PerCPU[:0]}
	err := s.usageAll(p.Root, t)
	if errors.Is(err, fs.ErrNotExist) {
		err = s.usagePerCPU(p.Root, t)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return s.usageTicks(p.Root, t)
	}
	for _, cpu := range t.PerCPU {
		t.UserNsec = cgroup.Add(t.UserNsec, cpu.UserNsec)
		t.SystemNsec = cgroup.Add(t.SystemNsec, cpu.SystemNsec)
	}
	return err
}

// CPUUsedNsec takes a Place in cpuacct.
func (s *source) CPUUsedNsec(p cgroup.Place) (uint64, error) {
	return readUint(s.cpuacct, p.Root, "cpuacct.usage")
}

// usageAll is Linux 4.8 and later.
func (s *source) usageAll(root string, t *cgroup.CPUTime) error {
	return s.cpuacct.Read(root, "cpuacct.usage_all", func(text []byte) (err error) {
		t.PerCPU, err = cgroup.ParseUsageAll(text, t.PerCPU)
		return err
	})
}

// usagePerCPU is Linux 4.7.
func (s *source) usagePerCPU(root string, t *cgroup.CPUTime) error {
	grow := func(cpu int) *cgroup.CPUTimeOne {
		for len(t.PerCPU) <= cpu {
			t.PerCPU = append(t.PerCPU, cgroup.CPUTimeOne{})
		}
		return &t.PerCPU[cpu]
	}
	err := s.cpuacct.Read(root, "cpuacct.usage_percpu_user", func(text []byte) error {
		return cgroup.ParsePerCPU(text, func(cpu int, nsec uint64) { grow(cpu).UserNsec = nsec })
	})
	if err != nil {
		return err
	}
	return s.cpuacct.Read(root, "cpuacct.usage_percpu_sys", func(text []byte) error {
		return cgroup.ParsePerCPU(text, func(cpu int, nsec uint64) { grow(cpu).SystemNsec = nsec })
	})
}

// nsecPerTick is 1/USER_HZ, which is 100 in what the kernel shows to programs.
const nsecPerTick = 1e9 / 100

func (s *source) usageTicks(root string, t *cgroup.CPUTime) error {
	t.PerCPU = t.PerCPU[:0]
	return s.cpuacct.Read(root, "cpuacct.stat", func(text []byte) error {
		var user, system bool
		err := cgroup.ParseKeyed(text, func(key []byte, ticks uint64) {
			switch string(key) {
			case "user":
				t.UserNsec, user = cgroup.Nsec(ticks, nsecPerTick), true
			case "system":
				t.SystemNsec, system = cgroup.Nsec(ticks, nsecPerTick), true
			}
		})
		if err == nil && !(user && system) {
			err = cgroup.Malformed(text)
		}
		return err
	})
}

// CPUID takes a Place in cpu.
func (s *source) CPUID(p cgroup.Place) (uint64, error) { return s.cpu.ID(p.Root, "cpu.cfs_quota_us") }
