package conformance

import (
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
)

var diskstatsChecks = map[string]check{
	"the kernel's devices and columns": func(t *testing.T, p *process) {
		got, want := devices(t, p), devices(t, kernel())
		if len(got) != len(want) {
			t.Fatalf("%d devices, the kernel has %d", len(got), len(want))
		}
		for i := range want {
			if !slices.Equal(got[i][:3], want[i][:3]) || len(got[i]) != len(want[i]) {
				t.Errorf("%q, the kernel has %q", got[i], want[i])
			}
			for _, counter := range got[i][3:] {
				number(t, counter)
			}
		}
	},
	"no more than the host": func(t *testing.T, p *process) {
		got, host := devices(t, p), devices(t, kernel())
		for i := range min(len(got), len(host)) {
			for _, column := range []int{3, 5, 7, 9} { // reads, sectors read, writes, sectors written
				if number(t, got[i][column]) > number(t, host[i][column]) {
					t.Errorf("%s column %d: %s, the host has %s", got[i][2], column, got[i][column], host[i][column])
				}
			}
		}
	},
}

// devices is the columns of each line of /proc/diskstats.
func devices(t testing.TB, p *process) (all [][]string) {
	t.Helper()
	text := p.read(t, "/proc/diskstats")
	if text == "" {
		return nil // a machine without block devices
	}
	for _, line := range lines(t, "diskstats", text) {
		columns := strings.Fields(line)
		if len(columns) < 14 {
			t.Fatalf("diskstats: %q", line)
		}
		all = append(all, columns)
	}
	return all
}

var swapsChecks = map[string]check{
	"the kernel's header": func(t *testing.T, p *process) {
		got, want := lines(t, "swaps", p.read(t, "/proc/swaps"))[0], lines(t, "swaps", kernel().read(t, "/proc/swaps"))[0]
		if got != want {
			t.Errorf("%q, the kernel's is %q", got, want)
		}
	},
	"adds up to meminfo's swap": func(t *testing.T, p *process) {
		m := p.meminfo(t)
		var size, used int
		for _, line := range lines(t, "swaps", p.read(t, "/proc/swaps"))[1:] {
			columns := strings.Fields(line)
			if len(columns) != 5 {
				t.Fatalf("swaps: %q", line)
			}
			size += int(number(t, columns[2]))
			used += int(number(t, columns[3]))
		}
		if size != m.kB["SwapTotal"] {
			t.Errorf("swaps add up to %d kB, SwapTotal is %d kB", size, m.kB["SwapTotal"])
		}
		// Something may be swapped between the two reads.
		if d := used - (m.kB["SwapTotal"] - m.kB["SwapFree"]); d < -1024 || d > 1024 {
			t.Errorf("swaps: %d kB used, meminfo: %d of %d kB free", used, m.kB["SwapFree"], m.kB["SwapTotal"])
		}
	},
}

func TestSwapIsTheLimit(t *testing.T) {
	host := kernel().meminfo(t).kB["SwapTotal"]
	for name, test := range map[string]struct{ swapMiB, wantKB int }{
		"64 MiB": {64, min(64<<10, host)},
		"none":   {-1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if host == 0 {
				t.Skip("the machine has no swap")
			}
			c := startContainer(t, limits{memoryMiB: 128, swapMiB: test.swapMiB})
			if got := c.meminfo(t).kB["SwapTotal"]; got != test.wantKB {
				t.Errorf("SwapTotal %d kB, want %d", got, test.wantKB)
			}
		})
	}
}

var slabinfoChecks = map[string]check{
	"the kernel's header": func(t *testing.T, p *process) {
		want := lines(t, "slabinfo", kernel().read(t, "/proc/slabinfo"))[:2]
		if got := lines(t, "slabinfo", p.read(t, "/proc/slabinfo")); len(got) < 2 || !slices.Equal(got[:2], want) {
			t.Errorf("%q, want %q first", got[:min(2, len(got))], want)
		}
	},
	"for root only": func(t *testing.T, p *process) {
		if mode, errno := p.mode(t, "/proc/slabinfo"); errno != 0 || mode != syscall.S_IFREG|0o400 {
			t.Errorf("mode %o (%v), want 0400", mode, errno)
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
		if !strings.Contains(shape(line), " N N ") || !strings.HasPrefix(strings.Join(strings.Fields(line)[1:3], " "), "0 0") {
			host[line] = true
		}
	}
	for _, line := range lines(t, "slabinfo", c.read(t, "/proc/slabinfo"))[2:] {
		if host[line] {
			t.Fatalf("a line of the host's: %q", line)
		}
	}
}

var pressureFiles = []string{"/proc/pressure/cpu", "/proc/pressure/io", "/proc/pressure/memory"}

var pressureChecks = map[string]check{
	"the kernel's lines and averages": func(t *testing.T, p *process) {
		needPressure(t)
		for _, file := range pressureFiles {
			if got, want := shape(p.read(t, file)), shape(kernel().read(t, file)); got != want {
				t.Errorf("%s:\n%q, the kernel's is\n%q", file, got, want)
			}
		}
	},
}

func needPressure(t testing.TB) {
	t.Helper()
	if _, err := os.Stat("/proc/pressure"); err != nil {
		t.Skip("this kernel keeps no pressure figures (psi=1)")
	}
}
