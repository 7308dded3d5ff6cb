package v1

import (
	"errors"
	"io/fs"

	"github.com/podview/podview/daemon/internal/cgroup"
)

// ioFiles count the same requests in two places, and each place may miss
// some: throttle counts only once a throttle limit was set (since Linux
// 6.10), bfq only for devices that use that scheduler. Per device the larger
// figure is right.
var ioFiles = []struct {
	recursive, own string
	isBytes        bool
}{
	{"blkio.throttle.io_service_bytes_recursive", "blkio.throttle.io_service_bytes", true},
	{"blkio.throttle.io_serviced_recursive", "blkio.throttle.io_serviced", false},
	{"blkio.bfq.io_service_bytes_recursive", "blkio.bfq.io_service_bytes", true},
	{"blkio.bfq.io_serviced_recursive", "blkio.bfq.io_serviced", false},
}

// IO takes a Place in blkio.
func (s *source) IO(p cgroup.Place, devices []cgroup.DeviceIO) ([]cgroup.DeviceIO, error) {
	devices = devices[:0]
	var missing error
	found := false
	for _, f := range ioFiles {
		parse := func(text []byte) (err error) {
			devices, err = cgroup.ParseBlkio(text, f.isBytes, devices)
			return err
		}
		err := s.blkio.Read(p.Root, f.recursive, parse)
		if errors.Is(err, fs.ErrNotExist) {
			// Older kernels: without the inner cgroups' share.
			err = s.blkio.Read(p.Root, f.own, parse)
		}
		switch {
		case err == nil:
			found = true
		case errors.Is(err, fs.ErrNotExist):
			missing = err
		default:
			return devices[:0], err
		}
	}
	if !found {
		return devices, missing
	}
	return devices, nil
}
