package caller

import (
	"reflect"
	"strings"
	"testing"
)

const hybrid = "9:name=systemd:/\n4:memory:/kubepods/podX/c\n2:cpu,cpuacct:/kubepods/podX/c\n0::/kubepods/podX/c\n"

func TestParseMemberships(t *testing.T) {
	got, err := parseMemberships(hybrid)
	want := []membership{{"name=systemd", "/"}, {"memory", "/kubepods/podX/c"}, {"cpu,cpuacct", "/kubepods/podX/c"}, {"", "/kubepods/podX/c"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	for _, bad := range []string{"", "\n", "4:memory", "garbage", "4:memory:relative", "0::/..", "0::/../other", "4:memory:/x\n\n"} {
		if m, err := parseMemberships(bad); err == nil {
			t.Errorf("parseMemberships(%q) = %q, want an error", bad, m)
		}
	}
	// A colon or a leading ".." is allowed in the name of a cgroup.
	if m, err := parseMemberships("0::/a:b/..c\n"); err != nil || m[0].path != "/a:b/..c" {
		t.Errorf("got %q, %v", m, err)
	}
}

func TestHasController(t *testing.T) {
	for _, tc := range []struct {
		list, controller string
		want             bool
	}{
		{"cpu,cpuacct", "cpu", true}, {"cpu,cpuacct", "cpuacct", true}, {"cpu", "cpu", true},
		{"cpuacct", "cpu", false}, {"cpuset", "cpu", false}, {"", "", true}, {"cpu", "", false}, {"", "cpu", false},
	} {
		if got := hasController(tc.list, tc.controller); got != tc.want {
			t.Errorf("hasController(%q, %q) = %t", tc.list, tc.controller, got)
		}
	}
}

// stat of a process that calls itself "x) R 1 (y".
const statLine = "77 (x) R 1 (y) S 5 77 77 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456 9 10\n"

func TestParseStat(t *testing.T) {
	if got, err := parseStat([]byte(statLine)); err != nil || got != (Stat{State: 'S', StartTicks: 123456}) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, bad := range []string{"", "77 (x", "77 (x) S 5 77", "77 (x) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 minus"} {
		if got, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("parseStat(%q) = %+v, want an error", bad, got)
		}
	}
}

const statusText = "Name:\tx\nTgid:\t70\nPid:\t77\nPPid:\t5\nNStgid:\t70\t1\nNSpid:\t77\t9\t8\nThreads:\t3\n"

func TestParseStatus(t *testing.T) {
	if got, err := parseStatus([]byte(statusText)); err != nil || got != (status{tgid: 70, ppid: 5, pidInside: 8, pidLevels: 3}) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, gone := range []string{"Tgid:\t70\n", "PPid:\t5\n", "NSpid:\t77\t9\t8\n"} {
		if got, err := parseStatus([]byte(strings.Replace(statusText, gone, "", 1))); err == nil {
			t.Errorf("without %q: %+v, want an error", gone, got)
		}
	}
}

func FuzzParsers(f *testing.F) {
	for _, s := range []string{hybrid, statLine, statusText, "", ":", "0::/\n", ")", "NSpid:\t\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if m, err := parseMemberships(string(text)); err == nil {
			for _, one := range m {
				if !strings.HasPrefix(one.path, "/") || strings.HasPrefix(one.path, "/../") {
					t.Errorf("%q gave the path %q", text, one.path)
				}
			}
		}
		if s, err := parseStatus(text); err == nil && (s.tgid <= 0 || s.pidInside <= 0) {
			t.Errorf("%q gave %+v", text, s)
		}
		_, _ = parseStat(text)
	})
}
