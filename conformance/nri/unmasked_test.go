package nri

import (
	"testing"

	"github.com/containerd/nri/pkg/api"
	"golang.org/x/sys/unix"
)

const refused = "operation not permitted"

// A container with procMount: Unmasked can nest containers, also one that the
// plugin finds running.
func TestUnmasked(t *testing.T) {
	r, view := newRuntime(t, false), newView(t)
	serve(t, r, view)
	connected(t, r, view)
	pod, insisting := r.pod("enabled"), r.pod("enabled")
	insisting.Labels["podview.dev/inject-unmasked"] = "enabled"
	for _, userNamespace := range []bool{false, true} {
		unmasked := func(pod *api.PodSandbox, sys ...string) *process {
			c, err := r.createWithSys(pod, sys)
			if err != nil {
				t.Fatal(err)
			}
			return r.startContainer(t, pod, c, c.Mounts, userNamespace)
		}
		control := unmasked(insisting, "ro")
		if got := control.ask(t, "nest"); got != refused {
			t.Skipf("the kernel sees another /proc here: %s", got)
		}
		p, beside, privileged := unmasked(pod, "ro"), masked(t, r, pod, userNamespace), unmasked(pod)
		if (p.viewsAtStart == 0) != userNamespace || control.viewsAtStart == 0 || beside.viewsAtStart == 0 || privileged.viewsAtStart == 0 {
			t.Errorf("user namespace %t: it starts with %d views, the one that insists with %d, with masks %d, privileged %d", userNamespace,
				p.viewsAtStart, control.viewsAtStart, beside.viewsAtStart, privileged.viewsAtStart)
		}
		eventually(t, "the view is taken off", func() bool { return len(p.views(t)) == 0 })
		if got := p.ask(t, "nest"); got != "nested" {
			t.Errorf("user namespace %t: %s", userNamespace, got)
		}
		if got := p.memory(t); got == ownMemory {
			t.Errorf("it still reads %q", got)
		}
		for name, other := range map[string]*process{"the one that insists": control, "one with masks": beside, "a privileged one": privileged} {
			if got := other.memory(t); got != ownMemory {
				t.Errorf("%s reads %q", name, got)
			}
		}
	}
}

// Another plugin finds it running, and the view is another one by then.
func TestUnmaskedLater(t *testing.T) {
	r, view := newRuntime(t, false), newView(t)
	daemon := serve(t, r, view)
	plugin := connected(t, r, view)
	pod := r.pod("enabled")
	c, err := r.create(pod)
	if err != nil || len(mounted(c)) == 0 {
		t.Fatalf("mounts %q: %v", mounted(c), err)
	}
	plugin.end(t, unix.SIGKILL)
	p := r.startContainer(t, pod, c, c.Mounts, false)
	if len(p.views(t)) == 0 {
		t.Fatal("the plugin was not away")
	}
	daemon.end(t, unix.SIGKILL)
	serve(t, r, view)
	connected(t, r, view)
	eventually(t, "the dead view is taken off", func() bool { return len(p.views(t)) == 0 })
	beside := masked(t, r, pod, false)
	if got := beside.memory(t); got != ownMemory {
		t.Errorf("one with masks reads %q", got)
	}
	if got := p.views(t); len(got) > 0 {
		t.Errorf("it has %q", got)
	}
}

func masked(t *testing.T, r *containerRuntime, pod *api.PodSandbox, userNamespace bool) *process {
	t.Helper()
	_, p := r.run(t, pod, userNamespace)
	return p
}
