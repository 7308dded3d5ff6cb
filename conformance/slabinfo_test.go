package conformance

import (
	"slices"
	"strings"
	"syscall"
	"testing"
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
	},
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
