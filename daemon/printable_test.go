package main

import (
	"errors"
	"testing"

	"github.com/podview/podview/daemon/internal/reattach"
)

// What a container names must not move the cursor of who looks at it.
func TestReattachLineIsPrintable(t *testing.T) {
	const harmless = "/kubepods/pod1/c \u00e4"
	c := reattach.Container{PID: 7, Cgroup: harmless, Replaced: []string{"/proc/stat"}}
	if got, want := reattachLine(c, false), "pid 7 cgroup "+harmless+": replaced 1 file in 0s"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for _, evil := range []string{"/a\x1b[2K\rpid 1", "/bell\a", "/csi\x9b8m", "/bidi\u202e"} {
		c := reattach.Container{PID: 7, Cgroup: evil, Failures: []reattach.Failure{{Path: "/proc/stat", Err: errors.New("on " + evil)}}}
		for _, b := range []byte(reattachLine(c, true)) {
			if b < ' ' || b > '~' {
				t.Errorf("%q is printed as %q", evil, reattachLine(c, true))
				break
			}
		}
	}
}
