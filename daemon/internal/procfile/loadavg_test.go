package procfile

import (
	"testing"

	"github.com/podview/podview/daemon/internal/view"
)

func TestLoadavg(t *testing.T) {
	for want, load := range map[string]view.Load{
		"0.00 0.00 0.00 1/80 2490\n": {Running: 1, Total: 80, LastPID: 2490},
		// 10 is FIXED_1/200: 0.0049 rounds down, 0.005 up.
		"0.00 0.01 1.00 0/0 0\n": {Averages: [3]uint64{10, 11, view.FixedOne}},
		// 0.99 and what rounds up to the next whole number.
		"0.99 1.00 12.50 3/4 5\n": {Averages: [3]uint64{2037, 2038, 12*view.FixedOne + view.FixedOne/2}, Running: 3, Total: 4, LastPID: 5},
		"1.00 2.00 3.00 0/0 0\n": {Averages: [3]uint64{view.FixedOne, 2 * view.FixedOne, 3 * view.FixedOne},
			Running: -1, Total: -2, LastPID: -3},
	} {
		if out := mustAppend(t, &loadavg, "", &view.Container{Load: load}); out != want {
			t.Errorf("%+v: got %q, want %q", load, out, want)
		}
	}
}
