package pipeline

import (
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestFallbackLogIsQuiet(t *testing.T) {
	var l fallbackLog
	now := time.Unix(1000, 0)
	if _, ok := l.allow("/proc/stat", "cgroup", now); !ok {
		t.Error("the first line was suppressed")
	}
	for range 5 {
		if _, ok := l.allow("/proc/stat", "cgroup", now.Add(time.Second)); ok {
			t.Error("a second line within the quiet period")
		}
	}
	if _, ok := l.allow("/proc/stat", "render", now); !ok {
		t.Error("another stage was suppressed")
	}
	if suppressed, ok := l.allow("/proc/stat", "cgroup", now.Add(quiet)); !ok || suppressed != 5 {
		t.Errorf("after the quiet period: %d suppressed, %t; want 5, true", suppressed, ok)
	}
}

// TestPanicShowsTheHost: a bug in one stage costs the container its figures,
// not its file.
func TestPanicShowsTheHost(t *testing.T) {
	r, dir := load(t, testdata+"/v2.txtar"), t.TempDir()
	r.lay(t, dir)
	p := r.pipeline(t, dir)
	const name = "/proc/uptime"
	p.files[name].source = func(*Pipeline, *request) (source, error) { panic("a bug") }
	got, err := p.Read([]byte("before "), r.tid, name)
	hosts, hostErr := os.ReadFile(p.Root.Path(name))
	if err != nil || hostErr != nil || string(got) != "before "+string(hosts) {
		t.Errorf("%q, %v; want the host's %q", got, err, hosts)
	}
	if got := fallbacks(t, p.Metrics); !slices.Equal(got, []string{name + " cgroup"}) {
		t.Errorf("counted %q", got)
	}
}

// TestLoadIsCountedOnDemand follows one container through the counter.
func TestLoadIsCountedOnDemand(t *testing.T) {
	r, dir := load(t, testdata+"/v2.txtar"), t.TempDir()
	r.lay(t, dir)
	p := r.pipeline(t, dir)
	p.countDue()
	if n := p.loads.Watched(); n != 0 {
		t.Fatalf("%d containers are watched before anybody read", n)
	}
	read := func() string {
		text, err := p.Read(nil, r.tid, "/proc/loadavg")
		must(t, err)
		return string(text)
	}
	first := read()
	r.bootSec += 60 // the recorded thread is running
	p.countDue()
	if second := read(); first >= second || p.loads.Watched() != 1 {
		t.Errorf("load went from %q to %q in a minute of one running thread", first, second)
	}
	must(t, os.RemoveAll(dir+"/sys/fs/cgroup/ctr"))
	r.bootSec += 60
	p.countDue()
	if n := p.loads.Watched(); n != 0 {
		t.Errorf("%d containers are watched after their cgroup went", n)
	}
}

// TestCPUThatWentAway: an open file of a CPU that the container no longer has
// is neither blank nor another CPU's.
func TestCPUThatWentAway(t *testing.T) {
	r, dir := load(t, testdata+"/v2.txtar"), t.TempDir()
	r.lay(t, dir)
	p := r.pipeline(t, dir)
	const name = "/sys/devices/system/cpu/cpu1/topology/core_id"
	must(t, os.MkdirAll(dir+"/sys/devices/system/cpu/cpu1/topology", 0o755))
	must(t, os.WriteFile(dir+name, []byte("1\n"), 0o444))
	if got, err := p.Read(nil, r.tid, name); err != unix.ENODEV {
		t.Errorf("with one CPU: %q, %v; want ENODEV", got, err)
	}
	must(t, os.WriteFile(dir+"/sys/fs/cgroup/ctr/cpu.max", []byte("max 100000\n"), 0o644))
	if got, err := p.Read(nil, r.tid, name); err != nil || string(got) != "1\n" {
		t.Errorf("with two CPUs: %q, %v", got, err)
	}
}
