package main

import "testing"

func TestNumeric(t *testing.T) {
	for address, want := range map[string]struct {
		numeric string
		low     bool
	}{
		"":               {"", false},
		":9810":          {":9810", false},
		"localhost:80":   {"127.0.0.1:80", true},
		"127.0.0.1:1023": {"127.0.0.1:1023", true},
		"[::1]:1024":     {"[::1]:1024", false},
		"127.0.0.1:0":    {"127.0.0.1:0", false},
		":http":          {":80", true},
		"no port":        {"no port", false},
	} {
		if got := numeric(address); got != want.numeric || isPrivilegedPort(got) != want.low {
			t.Errorf("%q: %q, a privileged port: %t; want %q, %t", address, got, isPrivilegedPort(got), want.numeric, want.low)
		}
	}
}
