package v2

import (
	"errors"
	"io/fs"
	"slices"
	"testing"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/cgroup/cgrouptest"
)

func TestIO(t *testing.T) {
	dir := cgrouptest.Dir(t, files{"pod/ctr/io.stat": "8:0 rbytes=1 wios=2\n", "bad/io.stat": "8:0 rbytes=-1\n", "off/": ""})
	want := []cgroup.DeviceIO{{Major: 8, ReadBytes: 1, WriteIOs: 2}}
	if got, err := New(dir, cgrouptest.Files()).IO(inner, make([]cgroup.DeviceIO, 5)); err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, error %v, want %+v", got, err, want)
	}
	_, err := New(dir, cgrouptest.Files()).IO(cgroup.Place{Root: "/bad"}, nil)
	cgrouptest.WantMalformed(t, err, dir+"/bad/io.stat", "8:0 rbytes=-1\n")
	if _, err := New(dir, cgrouptest.Files()).IO(cgroup.Place{Root: "/off"}, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("controller off: got error %v", err)
	}
}
