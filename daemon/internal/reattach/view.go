package reattach

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/mountinfo"
)

// view is the living view.
type view struct {
	dir string
	fd  int    // its root
	dev string // its superblock
}

// openView refuses whatever is not a podview view that answers.
func openView(dir string) (*view, error) {
	m, ok, err := mountinfo.On(dir)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s is not a podview view: %w", dir, err)
	case !ok:
		return nil, fmt.Errorf("%s is not a podview view: nothing is mounted there", dir)
	case m.FSType != mountinfo.ViewType || m.Root != "/":
		return nil, fmt.Errorf("%s is not a podview view: %s of a file system of type %s is mounted there", dir, m.Root, m.FSType)
	}
	state, err := mountinfo.Ask(dir)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", dir, err)
	case state == mountinfo.Dead:
		return nil, fmt.Errorf("%s is a dead view: nobody serves it any more", dir)
	case state == mountinfo.Silent:
		return nil, fmt.Errorf("%s: %w", dir, errSilent)
	}
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	return &view{dir: dir, fd: fd, dev: m.Dev}, nil
}

// copy is a view that is closed by itself.
func (v *view) copy() (*view, error) {
	fd, err := unix.FcntlInt(uintptr(v.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("keep %s open: %w", v.dir, err)
	}
	return &view{dir: v.dir, fd: fd, dev: v.dev}, nil
}

func (v *view) close() { unix.Close(v.fd) }

// clone makes a mount of one path of the view that is attached nowhere yet. It
// is read-only as the view's is. Mounts and unmounts under it are its own
// business: it is private, while the view's may be shared with the kubelet.
func (v *view) clone(path string) (fd int, err error) {
	fd, err = unix.OpenTree(v.fd, path[1:], unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		return -1, fmt.Errorf("clone the mount of %s%s: %w", v.dir, path, err)
	}
	if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Propagation: unix.MS_PRIVATE}); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("make the mount of %s%s private: %w", v.dir, path, err)
	}
	return fd, nil
}
