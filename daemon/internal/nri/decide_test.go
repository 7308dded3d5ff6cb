package nri

import (
	"slices"
	"strings"
	"testing"

	"github.com/containerd/nri/pkg/api"

	"github.com/podview/podview/daemon/paths"
)

func allPaths(in func(paths.Path) bool) (all []string) {
	for _, p := range paths.All {
		if in(p) {
			all = append(all, p.Path)
		}
	}
	return all
}

var (
	every      = allPaths(func(paths.Path) bool { return true })
	everywhere = allPaths(func(p paths.Path) bool { return p.Everywhere })
)

func TestWants(t *testing.T) {
	rules := Rules{Namespaces: []string{"legacy"}, Handlers: []string{"crun"}}
	pod := func(namespace, inject, handler string) *api.PodSandbox {
		p := &api.PodSandbox{Namespace: namespace, RuntimeHandler: handler}
		if inject != "" {
			p.Labels = map[string]string{"podview.dev/inject": inject}
		}
		return p
	}
	for name, test := range map[string]struct {
		pod  *api.PodSandbox
		want bool
	}{
		"no label":                  {pod("default", "", ""), false},
		"enabled":                   {pod("default", "enabled", ""), true},
		"disabled":                  {pod("default", "disabled", ""), false},
		"another value":             {pod("default", "true", ""), false},
		"listed namespace":          {pod("legacy", "", ""), true},
		"disabled in it":            {pod("legacy", "disabled", ""), false},
		"listed runtime handler":    {pod("default", "enabled", "crun"), true},
		"another one":               {pod("default", "enabled", "kata"), false},
		"another one, namespace":    {pod("legacy", "", "kata"), false},
		"a container without a pod": {nil, false},
	} {
		if got := rules.Wants(test.pod); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	if (Rules{}).Wants(nil) {
		t.Error("wants everything")
	}
}

// own is what containerd mounts into every container, and more.
func own(more ...*api.Mount) []*api.Mount {
	return append([]*api.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc"},
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs"},
		{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
		{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup"},
		{Destination: "/etc/hosts", Type: "bind", Source: "/var/lib/kubelet/pods/x/etc-hosts"},
	}, more...)
}

// privileged is a container that may write to /sys.
func privileged() []*api.Mount {
	return []*api.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc"},
		{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "rw"}},
	}
}

func bindAt(destination, source string) *api.Mount {
	return &api.Mount{Destination: destination, Source: source, Type: "bind", Options: []string{"rbind", "rw"}}
}

func TestMounts(t *testing.T) {
	const view = "/var/lib/podview/view"
	for name, test := range map[string]struct {
		mounts []*api.Mount
		// What they keep from being mounted, and from being attached.
		notMounted, notAttached []string
	}{
		"nothing of the pod's":    {own(), nil, nil},
		"at a path":               {own(bindAt("/proc/meminfo", "/vol/meminfo")), []string{"/proc/meminfo"}, []string{"/proc/meminfo"}},
		"with a slash":            {own(bindAt("/proc/meminfo/", "/vol/meminfo")), []string{"/proc/meminfo"}, []string{"/proc/meminfo"}},
		"above":                   {own(bindAt("/sys/devices/system", "/vol")), []string{paths.CPUDir, paths.NodeDir}, []string{paths.CPUDir, paths.NodeDir}},
		"a volume on /sys":        {own(bindAt("/sys", "/vol")), []string{paths.CPUDir, paths.NodeDir}, []string{paths.CPUDir, paths.NodeDir}},
		"a volume on /proc":       {own(bindAt("/proc/", "/proc")), []string{"/proc/"}, []string{"/proc/"}},
		"below":                   {own(bindAt(paths.CPUDir+"/online", "/vol/online")), []string{paths.CPUDir}, []string{paths.CPUDir}},
		"privileged":              {privileged(), []string{paths.CPUDir, paths.NodeDir}, []string{paths.CPUDir, paths.NodeDir}},
		"a name that begins so":   {own(bindAt("/proc/stats", "/vol"), bindAt("/proc/load", "/vol")), nil, nil},
		"the view, as a hostPath": {own(bindAt("/proc/stat", view+"/proc/stat")), []string{"/proc/stat"}, nil},
		"another podview's":       {own(bindAt("/proc/stat", "/var/lib/lxcfs/proc/stat")), []string{"/proc/stat"}, []string{"/proc/stat"}},
	} {
		rules := Rules{View: view}
		var mounted []string
		for _, m := range rules.Mounts(test.mounts, every) {
			mounted = append(mounted, m.Destination)
			if m.Source != view+m.Destination || m.Type != "bind" || !slices.Equal(m.Options, []string{"bind", "ro", "nosuid", "nodev", "noexec", "rprivate"}) {
				t.Errorf("%s: %v", name, m)
			}
		}
		if want := without(everywhere, test.notMounted); !slices.Equal(mounted, want) {
			t.Errorf("%s: mounts %q, want %q", name, mounted, want)
		}
		if got, want := rules.Attachable(test.mounts, every), without(everywhere, test.notAttached); !slices.Equal(got, want) {
			t.Errorf("%s: attaches %q, want %q", name, got, want)
		}
		rules.Pressure = true
		if got, want := rules.Attachable(test.mounts, every), without(every, test.notAttached); !slices.Equal(got, want) {
			t.Errorf("%s, with pressure: attaches %q, want %q", name, got, want)
		}
		if n := len(rules.Mounts(test.mounts, every)); n != len(mounted) {
			t.Errorf("%s: pressure mounts %d, which runc refuses", name, n)
		}
	}
}

func without(all, prefixes []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(p string) bool {
		return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(p, prefix) })
	})
}

// Only what the view has: another version of podview serves it, or nobody.
func TestMountsOfSmallerView(t *testing.T) {
	rules := Rules{View: "/view", Pressure: true}
	has := []string{"/proc/stat", "/proc/pressure/io"}
	if got := rules.Mounts(own(), has); len(got) != 1 || got[0].Destination != "/proc/stat" {
		t.Errorf("mounts %v", got)
	}
	if got := rules.Attachable(own(), has); !slices.Equal(got, has) {
		t.Errorf("attaches %q", got)
	}
	if got := rules.Mounts(own(), nil); got != nil {
		t.Errorf("mounts %v of no view", got)
	}
}
