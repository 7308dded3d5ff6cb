package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/fusedev"
	"github.com/podview/podview/daemon/internal/ledger"
)

// mountNew mounts, where no podview serves.
func mountNew(c *serveConfig, args []string) (*servedMount, error) {
	cleared, err := clearMountpoint(c.mount)
	if err != nil {
		return nil, err
	}
	m, hostOnly, err := newServedMount(c, args)
	if err != nil {
		return nil, err
	}
	cpus, err := hostOnly.PossibleCPUs()
	if err != nil {
		return nil, err
	}
	if m.Ledger, err = ledger.New(cpus); err != nil {
		return nil, err
	}
	if c.failOpen || cleared {
		m.Ledger.Orphans().Add(1)
		// A pod may have been quicker than a node's first mount.
		m.linksOnly = !cleared && !c.linked
	}
	m.mounted = time.Now()
	m.Device, err = mountAndAnswer(c.mount, m)
	return m, err
}

// mountAndAnswer mounts, and answers the kernel's INIT, which comes once.
func mountAndAnswer(mount string, m *servedMount) (*os.File, error) {
	fd, err := fusedev.Mount(mount)
	if err != nil {
		return nil, err
	}
	init, err := fusedev.NewConn(fd, m.Host(), fusedev.NewSlots(1)).Handshake()
	if err == nil {
		err = m.Ledger.SetInit(init)
	}
	if err != nil {
		return nil, errors.Join(err, fusedev.Unmount(mount), unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), "/dev/fuse"), nil
}

// clearMountpoint makes the mountpoint ready. cleared is true when a killed
// daemon's mount was in the way, and is gone.
func clearMountpoint(mount string) (cleared bool, err error) {
	cleared, err = fusedev.Clear(mount)
	if errors.Is(err, fusedev.ErrServed) {
		return cleared, busyError{err}
	}
	if err != nil {
		return cleared, fmt.Errorf("--mount=%s: %w", mount, err)
	}
	// Only the last part is made: a parent that is not there is a typo, or a
	// volume that was not mounted.
	if err := os.Mkdir(mount, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return cleared, fmt.Errorf("--mount: %w", err)
	}
	// A symbolic link could lead to a mount that Clear did not see.
	if st, err := os.Lstat(mount); err != nil || !st.IsDir() {
		return cleared, fmt.Errorf("--mount=%s is not a directory", mount)
	}
	return cleared, nil
}
