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

// Each path that every kernel has is in exactly one variant, the others are in
// none, and the names are what Kubernetes accepts.
func TestVariants(t *testing.T) {
	all := append(Everywhere().Mounts, Pressure().Mounts...)
	common := slices.DeleteFunc(slices.Clone(paths.All), func(p paths.Path) bool { return p.Rare })
	if len(all) != len(common) || len(common) == len(paths.All) {
		t.Errorf("%d mounts for %d of %d paths", len(all), len(common), len(paths.All))
	}
	for _, p := range common {
		i := slices.IndexFunc(all, func(m Mount) bool { return m.Path == p.Path })
		if i < 0 {
			t.Errorf("%s is in no variant", p.Path)
			continue
		}
		if errs := validation.IsDNS1123Label(all[i].Volume); len(errs) > 0 {
			t.Errorf("volume %q: %v", all[i].Volume, errs)
		}
	}
	if n := len(Pressure().Mounts); n != 3 {
		t.Errorf("pressure has %d mounts", n)
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
