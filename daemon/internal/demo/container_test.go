package demo

import (
	"syscall"
	"testing"
)

func TestDefaultAction(t *testing.T) {
	const sleeping = "Name:\tsleep\nSigIgn:\t0000000000000000\nSigCgt:\t0000000000000000\n"
	// As bash has them: SIGTERM ignored, SIGINT (2) caught.
	const bash = "Name:\tbash\nSigPnd:\t0000000000004002\nSigIgn:\t0000000000384004\nSigCgt:\t000000004b813efb\n"
	for _, test := range []struct {
		name, status string
		sig          syscall.Signal
		want         bool
	}{
		{"neither", sleeping, syscall.SIGTERM, true},
		{"caught", bash, syscall.SIGINT, false},
		{"caught", bash, syscall.SIGHUP, false},
		{"ignored", bash, syscall.SIGQUIT, false},
		{"only pending", "SigPnd:\t0000000000004000\n" + sleeping, syscall.SIGTERM, true},
		{"lowest bit", "SigCgt:\t0000000000000001\n", syscall.SIGHUP, false},
		{"the bit next to it", "SigCgt:\t0000000000002000\n", syscall.SIGTERM, true},
		{"its bit", "SigCgt:\t0000000000004000\n", syscall.SIGTERM, false},
		{"unreadable", "SigCgt:\tx\n", syscall.SIGTERM, true},
		{"empty", "", syscall.SIGTERM, true},
	} {
		if got := defaultAction(test.status, test.sig); got != test.want {
			t.Errorf("%s: defaultAction(%q, %v) = %t", test.name, test.status, test.sig, got)
		}
	}
}

func TestExitCode(t *testing.T) {
	for status, want := range map[syscall.WaitStatus]int{ // as wait(2) encodes it
		0:                             0,
		7 << 8:                        7,
		255 << 8:                      255,
		syscall.WaitStatus(9):         137,
		syscall.WaitStatus(15):        143,
		syscall.WaitStatus(11 | 1<<7): 139, // with a core dump
	} {
		if got := exitCode(status); got != want {
			t.Errorf("exitCode(%#x) = %d, want %d", uint32(status), got, want)
		}
	}
}
