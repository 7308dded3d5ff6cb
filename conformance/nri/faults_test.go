package nri

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Without the plugin containers start with the host's figures, and get their
// own when it is back.
func TestPluginIsKilled(t *testing.T) {
	r, view := newRuntime(t, false), newView(t)
	serve(t, r, view)
	plugin := connected(t, r, view)
	_, before := r.run(t, r.pod("enabled"), false)
	plugin.end(t, unix.SIGKILL)
	c, during := r.run(t, r.pod("enabled"), false)
	if got := mounted(c); len(got) > 0 {
		t.Errorf("mounts %q without a plugin", got)
	}
	if got := before.memory(t); got != ownMemory {
		t.Errorf("one that runs reads %q when the plugin is gone", got)
	}
	connected(t, r, view)
	eventually(t, "the container gets the view", func() bool { return during.memory(t) == ownMemory })
}

// A plugin that hangs is disconnected by the runtime, and connects again.
func TestPluginHangs(t *testing.T) {
	r, view := newRuntime(t, false), newView(t)
	serve(t, r, view)
	plugin := connected(t, r, view)
	plugin.signal(t, unix.SIGSTOP)
	start := time.Now()
	c, p := r.run(t, r.pod("enabled"), false)
	t.Logf("created and started in %v; the runtime waits 2 s", time.Since(start).Round(time.Millisecond))
	if got := mounted(c); len(got) > 0 {
		t.Errorf("mounts %q of a plugin that hangs", got)
	}
	before := r.synchronized.Load()
	plugin.signal(t, unix.SIGCONT)
	r.wait(t, before+1)
	eventually(t, "the container gets the view", func() bool { return p.memory(t) == ownMemory })
}

// The plugin connects again to a runtime that was restarted.
func TestRuntimeIsRestarted(t *testing.T) {
	r, view := newRuntime(t, false), newView(t)
	serve(t, r, view)
	connected(t, r, view)
	_, p := r.run(t, r.pod("enabled"), false)
	for range 3 {
		r.stop()
		time.Sleep(300 * time.Millisecond) // long enough for an attempt that is refused
		before, start := r.synchronized.Load(), time.Now()
		r.start(t)
		r.wait(t, before+1)
		t.Logf("connected again %v after the restart", time.Since(start).Round(time.Millisecond))
	}
	if c, err := r.create(r.pod("enabled")); err != nil || !slices.Equal(mounted(c), everywhere()) {
		t.Errorf("mounts %q, %v", mounted(c), err)
	}
	if got := p.memory(t); got != ownMemory {
		t.Errorf("the container reads %q", got)
	}
	if got := p.views(t); len(got) != len(everywhere()) {
		t.Errorf("it has the mounts %q", got)
	}
}

// What a create costs, for people to read.
func TestLatency(t *testing.T) {
	r, view := newRuntime(t, false), newView(t)
	serve(t, r, view)
	median := func(label string) time.Duration {
		pod := r.pod(label)
		var took []time.Duration
		for range 201 {
			start := time.Now()
			if _, err := r.create(pod); err != nil {
				t.Fatal(err)
			}
			took = append(took, time.Since(start))
		}
		slices.Sort(took)
		return took[len(took)/2]
	}
	without := median("enabled")
	plugin := connected(t, r, view)
	t.Logf("median of the runtime's CreateContainer event: %v without a plugin, %v for a pod without the label, %v with", without, median(""), median("enabled"))
	if pages, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", plugin.cmd.Process.Pid)); err == nil {
		t.Logf("the plugin's pages, the second figure is RSS: %s", pages)
	}
}
