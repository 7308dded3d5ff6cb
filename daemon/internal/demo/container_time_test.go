package demo

import "testing"

func TestShiftsTime(t *testing.T) {
	const (
		ours   = "60 27 0:40 / /srv/view ro,nosuid - fuse.podview podview rw\n"
		lxcfss = "61 27 0:41 / /srv/view rw - fuse.lxcfs lxcfs rw\n"
		other  = "62 27 0:42 / /srv/other ro - fuse.podview podview rw\n"
	)
	for text, want := range map[string]bool{
		ours: true, lxcfss: false, other: false, "": false,
		ours + lxcfss: false, lxcfss + ours + other: true, lxcfss + other: false,
	} {
		if got := shiftsTime(text, "/srv/view"); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}
