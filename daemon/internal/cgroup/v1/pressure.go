package v1

import (
	"io/fs"

	"github.com/podview/podview/daemon/internal/cgroup"
)

// Pressure is v2's only.
func (s *source) Pressure(_ cgroup.Place, resource string, _ []byte) ([]byte, error) {
	return nil, &fs.PathError{Op: "open", Path: resource + ".pressure", Err: fs.ErrNotExist}
}
