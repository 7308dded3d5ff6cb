package v2

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/cgroup"
)

func (s *source) Pressure(p cgroup.Place, resource string, dst []byte) ([]byte, error) {
	file, known := pressureFiles[resource]
	if !known {
		return dst, &fs.PathError{Op: "open", Path: resource + ".pressure", Err: fs.ErrNotExist}
	}
	err := s.tree.Read(p.Root, file, func(text []byte) error {
		dst = append(dst, text...)
		return nil
	})
	// Booted with psi=0 the kernel refuses to read a file that it lists
	// (psi_show, kernel/sched/psi.c); newer ones do not list it.
	if errors.Is(err, unix.EOPNOTSUPP) {
		err = &fs.PathError{Op: "read", Path: file, Err: fs.ErrNotExist}
	}
	return dst, err
}

var pressureFiles = map[string]string{"cpu": "cpu.pressure", "io": "io.pressure", "memory": "memory.pressure", "irq": "irq.pressure"}
