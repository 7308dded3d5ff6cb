package v2

import (
	"errors"
	"io/fs"
	"reflect"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/cgroup/cgrouptest"
)

func TestCPULimit(t *testing.T) {
	base := files{"pod/cpu.max": "200000 100000\n", "pod/ctr/cpu.max": "max 100000\n", "pod/ctr/app/cpu.max": "90000 50000\n"}
	for name, test := range map[string]struct {
		changes files
		want    cgroup.CPULimit
	}{
		"leaf is tighter by ratio": {want: cgroup.CPULimit{QuotaUsec: 90000, PeriodUsec: 50000}},
		"outer is tighter":         {files{"pod/cpu.max": "1000 100000\n"}, cgroup.CPULimit{QuotaUsec: 1000, PeriodUsec: 100000}},
		"no controller below":      {files{"pod/ctr/cpu.max": "-", "pod/ctr/app/cpu.max": "-", "pod/ctr/app/": ""}, cgroup.CPULimit{QuotaUsec: 200000, PeriodUsec: 100000}},
		"none":                     {files{"pod/cpu.max": "max 100000\n", "pod/ctr/app/cpu.max": "max 1000\n"}, cgroup.CPULimit{}},
	} {
		got := cgroup.CPULimit{QuotaUsec: 1, PeriodUsec: 99}
		err := New(cgrouptest.Dir(t, cgrouptest.With(base, test.changes)), cgrouptest.Files()).CPULimit(inner, &got)
		if err != nil || got != test.want {
			t.Errorf("%s: got %+v, error %v, want %+v", name, got, err, test.want)
		}
	}
	for _, text := range []string{"", "max\n", "0 100000\n", "1 0\n", "-1 100000\n"} {
		dir := cgrouptest.Dir(t, cgrouptest.With(base, files{"pod/cpu.max": text}))
		var l cgroup.CPULimit
		cgrouptest.WantMalformed(t, New(dir, cgrouptest.Files()).CPULimit(inner, &l), dir+"/pod/cpu.max", text)
	}
}

func TestCPUTime(t *testing.T) {
	all := files{
		"pod/ctr/cpu.stat":     "usage_usec 5\nuser_usec 3\nsystem_usec 2\nnice_usec 0\n",
		"short/cpu.stat":       "usage_usec 5\nuser_usec 3\n",
		"cut/cpu.stat":         "usage_usec 5\nuser_usec 3\nsystem_us",
		"empty/cpu.stat":       "",
		"huge/cpu.stat":        "user_usec 18446744073709551615\nsystem_usec 0\n",
		"unreadable/cpu.stat/": "",
	}
	dir := cgrouptest.Dir(t, all)
	got := cgroup.CPUTime{PerCPU: make([]cgroup.CPUTimeOne, 3)}
	want := cgroup.CPUTime{UserNsec: 3000, SystemNsec: 2000, PerCPU: []cgroup.CPUTimeOne{}}
	if err := New(dir, cgrouptest.Files()).CPUTime(inner, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, error %v, want %+v", got, err, want)
	}
	for _, bad := range []string{"short", "cut", "empty"} {
		cgrouptest.WantMalformed(t, New(dir, cgrouptest.Files()).CPUTime(cgroup.Place{Root: "/" + bad}, &got), dir+"/"+bad+"/cpu.stat", all[bad+"/cpu.stat"])
	}
	if err := New(dir, cgrouptest.Files()).CPUTime(cgroup.Place{Root: "/huge"}, &got); err != nil || got.UserNsec != 1<<64-1 {
		t.Errorf("huge: got %+v, error %v", got, err)
	}
	if err := New(dir, cgrouptest.Files()).CPUTime(cgroup.Place{Root: "/gone"}, &got); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removed: got error %v", err)
	}
	if err := New(dir, cgrouptest.Files()).CPUTime(cgroup.Place{Root: "/unreadable"}, &got); !errors.Is(err, unix.EISDIR) {
		t.Errorf("unreadable: got error %v", err)
	}
}

func TestCPUs(t *testing.T) {
	s := New(cgrouptest.Dir(t, files{
		"cpuset.cpus.effective": "0-3\n", "pod/cpuset.cpus.effective": "1-2\n", "pod/cpuset.cpus": "0\n", "pod/ctr/app/": "",
	}), cgrouptest.Files())
	for place, want := range map[cgroup.Place][]int{inner: {1, 2}, top: {0, 1, 2, 3}} {
		if got, err := s.CPUs(place, nil); err != nil || !slices.Equal(got, want) {
			t.Errorf("%v: got %v, error %v, want %v", place, got, err, want)
		}
	}
}
