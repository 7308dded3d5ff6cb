package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestConfigRefuses(t *testing.T) {
	for _, test := range []struct{ args, why string }{
		{"-files meminfo,nothing", `"nothing"`},
		{"-servers podview,other", `"other"`},
		{"-containers 10,x", `"x"`},
		{"-containers 0", `"0"`},
		{"-rounds 0", "-rounds=0"},
		{"-files ,", "empty"},
		{"more", `"more"`},
	} {
		if _, err := parseConfig(strings.Fields(test.args)); err == nil || !strings.Contains(err.Error(), test.why) {
			t.Errorf("%s: %v, want %s", test.args, err, test.why)
		}
	}
}

func TestCells(t *testing.T) {
	c, err := parseConfig([]string{"-files", "stat"})
	if err != nil {
		t.Fatal(err)
	}
	// Three numbers of readers, but two for processes.
	if cells := c.cells(10); len(cells) != 8 {
		t.Errorf("%d cells, want 8: %v", len(cells), cells)
	}
	if got, want := c.paths(), []string{"/proc/meminfo", "/proc/stat", "/proc/loadavg"}; !slices.Equal(got, want) {
		t.Errorf("served are %q, want %q", got, want)
	}
}

func TestPodviewReaders(t *testing.T) {
	const help = "  -mount string\n    \twhere (default \"/x\")\n  -readers int\n    \tthreads that answer requests (default 3)\n"
	for args, want := range map[string]int{"": 3, "--readers=5": 5, "-v 2 -readers 7": 7} {
		if n, err := podviewReaders(help, strings.Fields(args)); err != nil || n != want {
			t.Errorf("%q: %d, %v; want %d", args, n, err, want)
		}
	}
	if n, err := podviewReaders("no such flag", nil); err == nil {
		t.Errorf("without the flag: %d", n)
	}
}

// TestSpread: all readers read all the time, and every container has a part.
func TestSpread(t *testing.T) {
	const slice = 120 * time.Millisecond
	for _, test := range []struct{ readers, containers int }{{1, 10}, {4, 10}, {64, 10}, {1, 200}, {64, 200}, {3, 3}} {
		seen := make([]int, test.containers)
		threads := 0
		for _, turns := range spread(test.readers, test.containers, slice) {
			total, end := time.Duration(0), time.Duration(0)
			for _, turn := range turns {
				seen[turn.container]++
				total += turn.share
				if turn.threads != turns[0].threads || turn.threads < 1 || turn.start >= 0 && turn.start < end {
					t.Errorf("%+v: %+v", test, turns)
				}
				end = turn.start + turn.share
			}
			threads += turns[0].threads
			if total > slice || total < slice*9/10 {
				t.Errorf("%+v: a driver's turns take %v of %v", test, total, slice)
			}
		}
		if threads != test.readers {
			t.Errorf("%+v: %d threads at a time", test, threads)
		}
		if slices.Max(seen) != 1 || slices.Min(seen) != 1 {
			t.Errorf("%+v: turns by container %v", test, seen)
		}
	}
}
