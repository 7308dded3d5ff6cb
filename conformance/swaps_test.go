package conformance

import (
	"strings"
	"testing"
)

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
