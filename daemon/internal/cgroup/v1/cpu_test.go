package v1

import (
	"errors"
	"io/fs"
	"reflect"
	"slices"
	"testing"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/cgroup/cgrouptest"
)

func TestCPULimit(t *testing.T) {
	base := files{
		"pod/cpu.cfs_quota_us": "200000\n", "pod/cpu.cfs_period_us": "100000\n",
		"pod/ctr/cpu.cfs_quota_us": "-1\n", "pod/ctr/cpu.cfs_period_us": "100000\n",
		"pod/ctr/app/cpu.cfs_quota_us": "90000\n", "pod/ctr/app/cpu.cfs_period_us": "50000\n",
	}
	for name, test := range map[string]struct {
		changes files
		want    cgroup.CPULimit
	}{
		"leaf is tighter by ratio": {want: cgroup.CPULimit{QuotaUsec: 90000, PeriodUsec: 50000}},
		"outer is tighter":         {files{"pod/cpu.cfs_quota_us": "1000\n"}, cgroup.CPULimit{QuotaUsec: 1000, PeriodUsec: 100000}},
		"none":                     {files{"pod/cpu.cfs_quota_us": "-1\n", "pod/ctr/app/cpu.cfs_quota_us": "-1\n"}, cgroup.CPULimit{}},
		"kernel without bandwidth control": {
			files{"pod/cpu.cfs_quota_us": "-", "pod/ctr/cpu.cfs_quota_us": "-", "pod/ctr/app/cpu.cfs_quota_us": "-"}, cgroup.CPULimit{},
		},
	} {
		s, _ := open(t, "cpu", cgrouptest.With(base, test.changes))
		got := cgroup.CPULimit{QuotaUsec: 1, PeriodUsec: 99}
		if err := s.CPULimit(inner, &got); err != nil || got != test.want {
			t.Errorf("%s: got %+v, error %v, want %+v", name, got, err, test.want)
		}
	}
	var l cgroup.CPULimit
	for _, text := range []string{"", "0\n", "-2\n", "max\n"} {
		s, dir := open(t, "cpu", cgrouptest.With(base, files{"pod/cpu.cfs_quota_us": text}))
		cgrouptest.WantMalformed(t, s.CPULimit(inner, &l), dir+"/pod/cpu.cfs_quota_us", text)
	}
	for _, text := range []string{"", "0\n", "-1\n"} {
		s, dir := open(t, "cpu", cgrouptest.With(base, files{"pod/cpu.cfs_period_us": text}))
		cgrouptest.WantMalformed(t, s.CPULimit(inner, &l), dir+"/pod/cpu.cfs_period_us", text)
	}
	s, _ := open(t, "cpu", cgrouptest.With(base, files{"pod/cpu.cfs_period_us": "-"}))
	if err := s.CPULimit(inner, &l); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a quota without a period: got error %v", err)
	}
}

func TestCPUTime(t *testing.T) {
	const all, user, system, ticks = "pod/ctr/cpuacct.usage_all", "pod/ctr/cpuacct.usage_percpu_user", "pod/ctr/cpuacct.usage_percpu_sys", "pod/ctr/cpuacct.stat"
	base := files{all: "cpu user system\n0 1 2\n2 10 20\n", user: "3 4 \n", system: "5 6 7 \n", ticks: "user 8\nsystem 9\n"}
	for name, test := range map[string]struct {
		changes files
		want    cgroup.CPUTime
	}{
		"usage_all":    {files{}, cgroup.CPUTime{UserNsec: 11, SystemNsec: 22, PerCPU: perCPU([2]uint64{1, 2}, [2]uint64{}, [2]uint64{10, 20})}},
		"usage_percpu": {files{all: "-"}, cgroup.CPUTime{UserNsec: 7, SystemNsec: 18, PerCPU: perCPU([2]uint64{3, 5}, [2]uint64{4, 6}, [2]uint64{0, 7})}},
		"stat":         {files{all: "-", user: "-"}, cgroup.CPUTime{UserNsec: 8e7, SystemNsec: 9e7, PerCPU: perCPU()}},
		"half percpu":  {files{all: "-", system: "-"}, cgroup.CPUTime{UserNsec: 8e7, SystemNsec: 9e7, PerCPU: perCPU()}},
		"huge": {
			files{all: "cpu user system\n0 18446744073709551615 0\n1 5 0\n"},
			cgroup.CPUTime{UserNsec: 1<<64 - 1, PerCPU: perCPU([2]uint64{1<<64 - 1, 0}, [2]uint64{5, 0})},
		},
	} {
		s, _ := open(t, "cpuacct", cgrouptest.With(base, test.changes))
		got := cgroup.CPUTime{UserNsec: 99, PerCPU: make([]cgroup.CPUTimeOne, 9)}
		if err := s.CPUTime(inner, &got); err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %+v, error %v, want %+v", name, got, err, test.want)
		}
	}
	for name, changes := range map[string]files{
		all: {all: "cpu user system\n0 1\n"}, user: {all: "-", user: "x\n"}, system: {all: "-", system: "\n"},
		ticks: {all: "-", user: "-", ticks: "user 8\n"},
	} {
		s, dir := open(t, "cpuacct", cgrouptest.With(base, changes))
		cgrouptest.WantMalformed(t, s.CPUTime(inner, &cgroup.CPUTime{}), dir+"/"+name, changes[name])
	}
	s, _ := open(t, "cpuacct", base)
	if err := s.CPUTime(cgroup.Place{Root: "/gone"}, &cgroup.CPUTime{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removed: got error %v", err)
	}
	s, _ = open(t, "cpu", base) // cpuacct is in cpu's hierarchy
	if err := s.CPUTime(inner, &cgroup.CPUTime{}); err != nil {
		t.Errorf("cpuacct mounted as cpu: %v", err)
	}
}

func perCPU(userSystem ...[2]uint64) []cgroup.CPUTimeOne {
	all := []cgroup.CPUTimeOne{}
	for _, t := range userSystem {
		all = append(all, cgroup.CPUTimeOne{UserNsec: t[0], SystemNsec: t[1]})
	}
	return all
}

func TestCPUs(t *testing.T) {
	base := files{
		"cpuset.cpus": "0-7\n", "cpuset.effective_cpus": "0-3\n", "pod/cpuset.cpus": "1-2,6\n", "pod/cpuset.effective_cpus": "1-2\n",
		"pod/ctr/app/cpuset.cpus": "\n", "pod/ctr/app/cpuset.effective_cpus": "\n",
	}
	for name, test := range map[string]struct {
		changes files
		place   cgroup.Place
		want    []int
	}{
		"nearest that is set": {place: inner, want: []int{1, 2}},
		"the root cgroup":     {place: top, want: []int{0, 1, 2, 3}},
		"before Linux 3.17": {
			files{"cpuset.effective_cpus": "-", "pod/cpuset.effective_cpus": "-", "pod/ctr/app/cpuset.effective_cpus": "-"}, inner, []int{1, 2, 6},
		},
	} {
		s, _ := open(t, "cpuset", cgrouptest.With(base, test.changes))
		if got, err := s.CPUs(test.place, nil); err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s: got %v, error %v, want %v", name, got, err, test.want)
		}
	}
	s, dir := open(t, "cpuset", cgrouptest.With(base, files{"pod/cpuset.effective_cpus": "2-1\n"}))
	_, err := s.CPUs(inner, nil)
	cgrouptest.WantMalformed(t, err, dir+"/pod/cpuset.effective_cpus", "2-1\n")
}
