package conformance

import (
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/podview/podview/daemon/paths"
)

var slabinfoChecks = map[string]check{
	"the kernel's header": func(t *testing.T, p *process) {
		want := lines(t, "slabinfo", kernel().read(t, "/proc/slabinfo"))[:2]
		if got := lines(t, "slabinfo", p.read(t, "/proc/slabinfo")); len(got) < 2 || !slices.Equal(got[:2], want) {
			t.Errorf("%q, want %q first", got[:min(2, len(got))], want)
		}
	},
	"for root only": func(t *testing.T, p *process) {
		if mode, errno := p.mode(t, "/proc/slabinfo"); errno != 0 || mode != syscall.S_IFREG|0o400 && mode != syscall.S_IFREG|0o440 {
			t.Errorf("mode %o (%v), want 0440, or the kernel's own 0400", mode, errno)
		}
		if _, errno := p.open(t, "/proc/slabinfo", syscall.O_RDONLY, 65534); errno != syscall.EACCES {
			t.Errorf("opened by nobody: %v, want EACCES", errno)
		}
		rootsAlone(t, p, "/proc/slabinfo")
	},
}

// rootsAlone: a file that root opens, and others of root's group do not.
func rootsAlone(t *testing.T, p *process, file string) {
	t.Helper()
	if _, errno := p.open(t, file, syscall.O_RDONLY, 0); errno != 0 {
		t.Errorf("%s opened by root: %v", file, errno)
	}
	if _, errno := p.openAs(t, OpenArgs{Path: file, UID: 1000, RootsGroup: true}); errno != syscall.EACCES {
		t.Errorf("%s opened by a user of root's group: %v, want EACCES", file, errno)
	}
}

// The kernel has such files in /sys, too, if not in every configuration.
func TestRootsFilesOfSys(t *testing.T) {
	c := startContainer(t, limits{memoryMiB: 128})
	checked := 0
	for _, top := range []string{paths.CPUDir, paths.NodeDir} {
		for _, w := range kernel().walk(t, top) {
			if w.Mode == syscall.S_IFREG|0o400 && w.Read == 0 {
				rootsAlone(t, c.process, w.Name)
				checked++
			}
		}
	}
	if checked == 0 {
		t.Skip("this kernel has no file in " + paths.CPUDir + " that only root may read")
	}
}

// The names and sizes of the host's slabs are none of a container's business.
func TestSlabinfoIsNotTheHosts(t *testing.T) {
	c := startContainer(t, limits{memoryMiB: 128})
	host := map[string]bool{}
	for _, line := range lines(t, "slabinfo", kernel().read(t, "/proc/slabinfo"))[2:] {
		// Unused caches look the same in every cgroup.
		host[line] = strings.Fields(line)[1] != "0"
	}
	for _, line := range lines(t, "slabinfo", c.read(t, "/proc/slabinfo"))[2:] {
		if host[line] {
			t.Fatalf("a line of the host's: %q", line)
		}
	}
}
