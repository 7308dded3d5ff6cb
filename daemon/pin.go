package main

import (
	"path/filepath"

	"golang.org/x/sys/unix"
	"k8s.io/klog/v2"

	"github.com/podview/podview/daemon/paths"
)

// keepOpen opens the view's files that only root may read, for as long as this
// process lives. Nobody gets a write lease on a file that another has open, and
// with one, root in any container could make all others wait who open it; the
// other files have no owner who could. It waits until the view is served. One
// more worker that waits to serve keeps them open when another dies.
func keepOpen(mount string) {
	for _, p := range paths.All {
		if p.Dir || p.Mode&0o004 != 0 {
			continue
		}
		if _, err := unix.Open(filepath.Join(mount, p.Path), unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
			klog.V(1).InfoS("Not kept open", "path", p.Path, "err", err)
		}
	}
}
