package nri

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What runs already gets the view when the plugin comes.
func TestSynchronize(t *testing.T) {
	r, view := newRuntime(t, false), newView(t)
	serve(t, r, view)
	labelled := r.pod("enabled")
	_, late := r.run(t, labelled, false)
	_, mapped := r.run(t, labelled, true)
	_, other := r.run(t, r.pod(""), false)
	if late.memory(t) == ownMemory {
		t.Fatal("it has the view before the plugin came")
	}
	start := time.Now()
	connected(t, r, view)
	for _, p := range []*process{late, mapped} {
		eventually(t, "the container gets the view", func() bool { return p.memory(t) == ownMemory })
		t.Logf("%v after the plugin's start", time.Since(start).Round(time.Millisecond))
		eventually(t, "it gets all of it", func() bool { return len(p.views(t)) == len(everywhere()) })
	}
	if got := other.views(t); len(got) > 0 {
		t.Errorf("a pod without the label has %q", got)
	}
}

// /proc/pressure comes late only, because runc refuses it.
func TestPressure(t *testing.T) {
	if _, err := unix.Open("/proc/pressure/memory", unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
		t.Skip("/proc/pressure/memory: ", err)
	}
	pressure, err := filepath.Glob("/proc/pressure/*") // with or without irq
	if err != nil {
		t.Fatal(err)
	}
	r, view := newRuntime(t, false), newView(t)
	serve(t, r, view)
	connected(t, r, view, "--pressure")
	c, p := r.run(t, r.pod("enabled"), false)
	if strings.Contains(strings.Join(mounted(c), " "), "pressure") {
		t.Errorf("mounts %q", mounted(c))
	}
	eventually(t, "/proc/pressure is attached", func() bool { return len(p.views(t)) == len(everywhere())+len(pressure) })
	if got := p.ask(t, "/proc/pressure/memory"); !strings.HasPrefix(got, "some avg10=") {
		t.Errorf("it reads %q", got)
	}
}

// Containers that start while no view is served start all the same, and get
// it with the view.
func TestViewComesLater(t *testing.T) {
	r, view := newRuntime(t, false), newView(t)
	connected(t, r, view)
	c, p := r.run(t, r.pod("enabled"), false)
	if got := mounted(c); len(got) > 0 {
		t.Errorf("mounts %q of no view", got)
	}
	daemon := serve(t, r, view)
	eventually(t, "the container gets the view", func() bool { return p.memory(t) == ownMemory })

	daemon.end(t, unix.SIGKILL) // all of it: the view is dead
	eventually(t, "the plugin sees that it is dead", func() bool {
		c, err := r.create(r.pod("enabled"))
		return err == nil && len(mounted(c)) == 0
	})
	_, second := r.run(t, r.pod("enabled"), false)
	serve(t, r, view)
	for _, p := range []*process{p, second} {
		eventually(t, "the container gets the new view", func() bool { return p.memory(t) == ownMemory })
	}
}

// One that hangs is not waited for.
func TestViewHangs(t *testing.T) {
	r, view := newRuntime(t, false), newView(t)
	daemon := serve(t, r, view)
	connected(t, r, view)
	daemon.signal(t, unix.SIGSTOP)
	eventually(t, "the plugin sees that it hangs", func() bool {
		c, err := r.create(r.pod("enabled"))
		return err == nil && len(mounted(c)) == 0
	})
	start := time.Now()
	_, p := r.run(t, r.pod("enabled"), false)
	t.Logf("created and started in %v", time.Since(start).Round(time.Millisecond))
	if got := p.views(t); len(got) > 0 {
		t.Errorf("it has %q of a view that hangs", got)
	}
	daemon.signal(t, unix.SIGCONT)
	eventually(t, "the container gets the view", func() bool { return p.memory(t) == ownMemory })
}
