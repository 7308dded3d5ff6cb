package v2

import (
	"bytes"
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/cgroup"
)

func (s *source) Pressure(p cgroup.Place, resource string) (own []byte, err error) {
	file := resource + ".pressure"
	err = s.tree.Read(p.Root, file, func(text []byte) error {
		own = bytes.Clone(text)
		return nil
	})
	// Booted with psi=0 the kernel refuses to read a file that it lists
	// (psi_show, kernel/sched/psi.c); newer ones do not list it.
	if errors.Is(err, unix.EOPNOTSUPP) {
		err = &fs.PathError{Op: "read", Path: file, Err: fs.ErrNotExist}
	}
	return own, err
}
