package v2

import (
	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/cgroup/tree"
)

const nsecPerUsec = 1000

func (s *source) CPULimit(p cgroup.Place, l *cgroup.CPULimit) error {
	*l = cgroup.CPULimit{}
	return s.tree.Up(p.Leaf, "cpu.max", func(_ tree.Level, text []byte) (bool, error) {
		level, err := cgroup.ParseCPUMax(text)
		l.Tighten(level)
		return true, err
	})
}

// CPUUsedNsec reads cpu.stat's precise figure, which the other two share out.
func (s *source) CPUUsedNsec(p cgroup.Place) (usedNsec uint64, err error) {
	err = s.tree.Read(p.Root, "cpu.stat", func(text []byte) error {
		found := false
		err := cgroup.ParseKeyed(text, func(key []byte, n uint64) {
			if string(key) == "usage_usec" {
				usedNsec, found = cgroup.Nsec(n, nsecPerUsec), true
			}
		})
		if err == nil && !found {
			err = cgroup.Malformed(text)
		}
		return err
	})
	return usedNsec, err
}

// CPUTime reads cpu.stat, whose times every cgroup has, with or without the
// cpu controller.
func (s *source) CPUTime(p cgroup.Place, t *cgroup.CPUTime) error {
	*t = cgroup.CPUTime{PerCPU: t.PerCPU[:0]}
	return s.tree.Read(p.Root, "cpu.stat", func(text []byte) error {
		var user, system bool
		err := cgroup.ParseKeyed(text, func(key []byte, n uint64) {
			switch string(key) {
			case "user_usec":
				t.UserNsec, user = cgroup.Nsec(n, nsecPerUsec), true
			case "system_usec":
				t.SystemNsec, system = cgroup.Nsec(n, nsecPerUsec), true
			}
		})
		if err == nil && !(user && system) {
			err = cgroup.Malformed(text)
		}
		return err
	})
}

// CPUID is ID: there is one hierarchy.
func (s *source) CPUID(p cgroup.Place) (uint64, error) { return s.ID(p) }
