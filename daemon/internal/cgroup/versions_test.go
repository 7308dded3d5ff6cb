package cgroup_test

import (
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/cgroup/cgrouptest"
	"github.com/podview/podview/daemon/internal/cgroup/v1"
	"github.com/podview/podview/daemon/internal/cgroup/v2"
)

// stats is everything a Source says about a container.
type stats struct {
	Memory   cgroup.Memory
	CPULimit cgroup.CPULimit
	CPUs     []int
	CPUTime  cgroup.CPUTime
	IO       []cgroup.DeviceIO
	PIDs     []int
}

// The figures that one version lacks, with the reason.
var (
	notInV1 = map[string]string{
		"Memory.Stat.FileTHPBytes":         "memory.stat has no such key",
		"Memory.Stat.ShmemTHPBytes":        "memory.stat has no such key",
		"Memory.Stat.SlabReclaimableBytes": "kernel memory has one figure",
		"Memory.Stat.KernelStackBytes":     "kernel memory has one figure",
		"Memory.Stat.PageTablesBytes":      "kernel memory has one figure",
		"Memory.Stat.SecPageTablesBytes":   "kernel memory has one figure",
		"Memory.Stat.PercpuBytes":          "kernel memory has one figure",
		"Memory.Stat.VmallocBytes":         "kernel memory has one figure",
		"Memory.Stat.ZswapBytes":           "zswap is limited and counted on v2 only",
		"Memory.Stat.ZswappedBytes":        "zswap is limited and counted on v2 only",
	}
	notInV2 = map[string]string{
		"CPUTime.PerCPU": "cpu.stat has no split by CPU",
	}
	// Both have it, but it means something else.
	differs = map[string]string{
		"Memory.Stat.SlabUnreclaimableBytes": "all kernel memory on v1",
	}
)

// One container, shown by v1 and by v2, must give the same figures: a figure
// that a version forgot to read would be zero.
func TestVersionsAgree(t *testing.T) {
	onV1, onV2 := map[string]reflect.Value{}, map[string]reflect.Value{}
	flatten("", reflect.ValueOf(read(t, openV1(t))), onV1)
	flatten("", reflect.ValueOf(read(t, openV2(t))), onV2)
	for field, value1 := range onV1 {
		value2 := onV2[field]
		_, absent1 := notInV1[field]
		_, absent2 := notInV2[field]
		if empty(value1) != absent1 {
			t.Errorf("%s is %v on v1, but notInV1 says otherwise", field, value1)
		}
		if empty(value2) != absent2 {
			t.Errorf("%s is %v on v2, but notInV2 says otherwise", field, value2)
		}
		_, other := differs[field]
		if same := reflect.DeepEqual(value1.Interface(), value2.Interface()); !absent1 && !absent2 && same == other {
			t.Errorf("%s is %v on v1 and %v on v2", field, value1, value2)
		}
	}
	for _, list := range []map[string]string{notInV1, notInV2, differs} {
		for field := range list {
			if _, ok := onV1[field]; !ok {
				t.Errorf("%s is no field of the figures", field)
			}
		}
	}
}

func openV1(t *testing.T) cgroup.Source {
	dir := cgrouptest.Archive(t, "testdata/container.v1.txtar")
	dirs := map[string]string{}
	for _, controller := range []string{"memory", "cpu", "cpuacct", "cpuset", "blkio"} {
		dirs[controller] = filepath.Join(dir, controller)
	}
	return v1.New(dirs, cgrouptest.Files())
}

func openV2(t *testing.T) cgroup.Source {
	return v2.New(cgrouptest.Archive(t, "testdata/container.v2.txtar"), cgrouptest.Files())
}

func read(t *testing.T, s cgroup.Source) (all stats) {
	t.Helper()
	p := cgroup.Place{Leaf: "/pod/ctr/app", Root: "/pod/ctr"}
	errs := make([]error, 6)
	errs[0] = cgrouptest.Memory(s, p, false, &all.Memory)
	errs[1] = s.CPULimit(p, &all.CPULimit)
	all.CPUs, errs[2] = s.CPUs(p, nil)
	errs[3] = s.CPUTime(p, &all.CPUTime)
	all.IO, errs[4] = s.IO(p, nil)
	all.PIDs, errs[5] = s.Processes(p, nil)
	slices.Sort(all.PIDs)
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// flatten lists the fields by their path; a slice of structs is taken by its
// first element, another one is a field.
func flatten(path string, v reflect.Value, fields map[string]reflect.Value) {
	if v.Kind() == reflect.Slice && path == "IO" && v.Len() > 0 {
		v = v.Index(0)
	}
	if v.Kind() != reflect.Struct {
		fields[path] = v
		return
	}
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		if path != "" {
			name = path + "." + name
		}
		flatten(name, v.Field(i), fields)
	}
}

func empty(v reflect.Value) bool {
	return v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0
}
