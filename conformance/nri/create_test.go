package nri

import (
	"slices"
	"testing"

	"github.com/containerd/nri/pkg/api"

	"github.com/podview/podview/daemon/paths"
)

func bind(destination, source string) *api.Mount {
	return &api.Mount{Destination: destination, Source: source, Type: "bind", Options: []string{"rbind", "ro"}}
}

// The runtime mounts what the plugin asks for, and the container reads its
// own limit.
func TestCreate(t *testing.T) {
	r, view := newRuntime(t, false), newView(t)
	serve(t, r, view)
	connected(t, r, view)
	for _, userNamespace := range []bool{false, true} {
		c, p := r.run(t, r.pod("enabled"), userNamespace)
		if got := mounted(c); !slices.Equal(got, everywhere()) {
			t.Errorf("mounts %q", got)
		}
		if got := p.memory(t); got != ownMemory {
			t.Errorf("user namespace %t: the container reads %q", userNamespace, got)
		}
	}
	for _, label := range []string{"", "disabled", "yes"} {
		if c, err := r.create(r.pod(label)); err != nil || len(mounted(c)) > 0 {
			t.Errorf("label %q: mounts %q, %v", label, mounted(c), err)
		}
	}
	kata := r.pod("enabled")
	kata.RuntimeHandler = "kata"
	if c, err := r.create(kata); err != nil || len(mounted(c)) > 0 {
		t.Errorf("kata: mounts %q, %v", mounted(c), err)
	}
}

// A pod's own mount wins: the runtime would let the plugin replace it.
func TestOwnMounts(t *testing.T) {
	r, view := newRuntime(t, false), newView(t)
	serve(t, r, view)
	connected(t, r, view)
	c, err := r.create(r.pod("enabled"), bind("/proc/meminfo", "/vol/meminfo"), bind("/sys/devices/system", "/vol/system"))
	if err != nil {
		t.Fatal(err)
	}
	want := slices.DeleteFunc(everywhere(), func(p string) bool {
		return slices.Contains([]string{"/proc/meminfo", paths.CPUDir, paths.NodeDir}, p)
	})
	if got := mounted(c); !slices.Equal(got, want) {
		t.Errorf("mounts %q, want %q", got, want)
	}
	if i := slices.IndexFunc(c.Mounts, func(m *api.Mount) bool { return m.Destination == "/proc/meminfo" }); c.Mounts[i].Source != "/vol/meminfo" {
		t.Errorf("the pod's mount is now %v", c.Mounts[i])
	}
}

// During a rollout there are two: the second adds nothing, which the runtime
// would refuse, and with it the container.
func TestTwoPlugins(t *testing.T) {
	r, view := newRuntime(t, false), newView(t)
	serve(t, r, view)
	old := connected(t, r, view)
	connected(t, r, view)
	c, p := r.run(t, r.pod("enabled"), false)
	if got := mounted(c); !slices.Equal(got, everywhere()) {
		t.Errorf("mounts %q", got)
	}
	old.end(t, 15)
	c, err := r.create(r.pod("enabled"))
	if err != nil || !slices.Equal(mounted(c), everywhere()) {
		t.Errorf("with the new one alone: mounts %q, %v", mounted(c), err)
	}
	if got := p.memory(t); got != ownMemory {
		t.Errorf("the container reads %q", got)
	}
	if got := p.views(t); len(got) != len(everywhere()) {
		t.Errorf("it has the mounts %q", got)
	}
}

// A pod that must not run without the view says so, and the runtime's
// validator sees to it.
func TestRequiredPlugin(t *testing.T) {
	r, view := newRuntime(t, true), newView(t)
	serve(t, r, view)
	pod := r.pod("enabled")
	pod.Annotations = map[string]string{"required-plugins.noderesource.dev": `["podview"]`}
	if _, err := r.create(pod); err == nil {
		t.Error("created without the plugin")
	} else {
		t.Log(err)
	}
	connected(t, r, view)
	if c, err := r.create(pod); err != nil || len(mounted(c)) == 0 {
		t.Errorf("with the plugin: %v", err)
	}
}
