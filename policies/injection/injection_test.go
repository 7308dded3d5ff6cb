package injection

import (
	"slices"
	"strings"
	"testing"

	"github.com/podview/podview/daemon/paths"
	"k8s.io/apimachinery/pkg/util/validation"
)

func TestEverywhere(t *testing.T) {
	mounts := Everywhere().Mounts
	if !slices.ContainsFunc(mounts, func(m Mount) bool {
		return m == Mount{Volume: "podview-sys-cpu", Path: "/sys/devices/system/cpu", HostPath: "/var/lib/podview/view/sys/devices/system/cpu", Dir: true}
	}) {
		t.Errorf("no directory of CPUs: %v", mounts)
	}
	for _, m := range mounts {
		if strings.HasPrefix(m.Path, "/proc/pressure") {
			t.Errorf("runc refuses %s", m.Path)
		}
	}
}

// By hand: a mount on a path that the node's kernel lacks is a pod that never
// starts, and Docker Desktop's has no NUMA.
func TestVariants(t *testing.T) {
	want := map[string][]string{
		"":          {"/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/uptime", "/proc/loadavg", "/proc/diskstats", "/sys/devices/system/cpu"},
		"-optional": {"/proc/swaps", "/proc/slabinfo", "/sys/devices/system/node"},
		"-pressure": {"/proc/pressure/cpu", "/proc/pressure/io", "/proc/pressure/memory"},
	}
	for _, v := range Variants() {
		var have []string
		for _, m := range v.Mounts {
			have = append(have, m.Path)
			if errs := validation.IsDNS1123Label(m.Volume); len(errs) > 0 {
				t.Errorf("volume %q: %v", m.Volume, errs)
			}
		}
		if !slices.Equal(have, want[v.Suffix]) {
			t.Errorf("%q mounts %q, want %q", v.Suffix, have, want[v.Suffix])
		}
		delete(want, v.Suffix)
	}
	if len(want) > 0 {
		t.Errorf("no variants %v", want)
	}
}

// A slug that daemon/paths has not would be left out without a word.
func TestSlugs(t *testing.T) {
	for _, slug := range slices.Concat(everywhere, optional, pressure) {
		if !slices.ContainsFunc(paths.All, func(p paths.Path) bool { return p.Slug == slug }) {
			t.Errorf("no path has the slug %s", slug)
		}
	}
}

func TestType(t *testing.T) {
	if have := (Mount{}).Type(); have != "File" {
		t.Error(have)
	}
	if have := (Mount{Dir: true}).Type(); have != "Directory" {
		t.Error(have)
	}
}

func TestCovered(t *testing.T) {
	want := []string{"/", "/proc", "/proc/", "/proc/pressure", "/proc/pressure/", "/proc/pressure/cpu", "/proc/pressure/cpu/"}
	have := Mount{Path: "/proc/pressure/cpu"}.Covered()
	if !slices.Equal(have, want) {
		t.Errorf("have %q, want %q", have, want)
	}
}
