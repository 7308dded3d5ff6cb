package v1

import (
	"errors"
	"io/fs"
	"sync/atomic"
	"time"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/cgroup/tree"
)

// ioFiles count the same requests in two places, and each place may miss
// some: throttle counts only once a throttle limit was set (since Linux
// 6.10), bfq only for devices that use that scheduler. Per device the larger
// figure is right.
var ioFiles = [...]ioFile{
	{"blkio.throttle.io_service_bytes_recursive", "blkio.throttle.io_service_bytes", true, false},
	{"blkio.throttle.io_serviced_recursive", "blkio.throttle.io_serviced", false, false},
	{"blkio.bfq.io_service_bytes_recursive", "blkio.bfq.io_service_bytes", true, true},
	{"blkio.bfq.io_serviced_recursive", "blkio.bfq.io_serviced", false, true},
}

type ioFile struct {
	recursive, own string
	isBytes, isBFQ bool
}

// bfq remembers for a second whether the kernel has bfq, which can be loaded at
// any time. Its files are in every cgroup, the root too, or in none.
type bfq struct {
	askedSec atomic.Int64
	absent   atomic.Bool
}

func (b *bfq) isAbsent(blkio *tree.Tree) bool {
	if now := time.Now().Unix(); b.askedSec.Load() != now {
		err := blkio.Read("/", "blkio.bfq.io_service_bytes", func([]byte) error { return nil })
		b.absent.Store(errors.Is(err, fs.ErrNotExist))
		b.askedSec.Store(now)
	}
	return b.absent.Load()
}

// IO takes a Place in blkio.
func (s *source) IO(p cgroup.Place, devices []cgroup.DeviceIO) ([]cgroup.DeviceIO, error) {
	devices = devices[:0]
	var missing error
	found := false
	for _, f := range ioFiles {
		if f.isBFQ && s.bfq.isAbsent(s.blkio) {
			continue // looking for what is not there takes longer than reading what is
		}
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
