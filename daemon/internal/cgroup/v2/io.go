package v2

import "github.com/podview/podview/daemon/internal/cgroup"

func (s *source) IO(p cgroup.Place, devices []cgroup.DeviceIO) ([]cgroup.DeviceIO, error) {
	err := s.tree.Read(p.Root, "io.stat", func(text []byte) (err error) {
		devices, err = cgroup.ParseIOStat(text, devices)
		return err
	})
	return devices, err
}
