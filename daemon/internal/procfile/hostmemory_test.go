package procfile

import (
	"testing"

	"github.com/podview/podview/daemon/internal/view"
)

func TestParseHostMemory(t *testing.T) {
	for text, want := range map[string]view.HostMemory{
		"MemTotal: 8 kB\nMemFree: 1 kB\nMemAvailable: 4 kB\nSwapTotal: 2 kB\n": {TotalBytes: 8192, AvailableBytes: 4096, SwapTotalBytes: 2048},
		"MemTotal: 8 kB\nMemAvailable: 0 kB\n":                                 {TotalBytes: 8192},
	} {
		if got, err := ParseHostMemory([]byte(text)); err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, bad := range []string{
		"", "MemAvailable: 4 kB\n", "MemTotal: 8 kB\n", "MemTotal: 0 kB\nMemAvailable: 4 kB\n",
		"MemTotal: -8 kB\nMemAvailable: 4 kB\n", "MemTotal: 99999999999999999999 kB\nMemAvailable: 4 kB\n", "MemTotal\nMemAvailable: 4 kB\n",
	} {
		if got, err := ParseHostMemory([]byte(bad)); err == nil {
			t.Errorf("%q: %+v, want an error", bad, got)
		}
	}
}
