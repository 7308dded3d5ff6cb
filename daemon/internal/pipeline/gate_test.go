package pipeline

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// TestStuckContainer: a cgroup whose files hang holds up so many readers and
// no more. A FIFO without a writer hangs when it is opened.
func TestStuckContainer(t *testing.T) {
	r, dir := load(t, testdata+"/v2.txtar"), t.TempDir()
	r.lay(t, dir)
	p := r.pipeline(t, dir)
	usage := dir + "/sys/fs/cgroup/ctr/memory.current"
	text, err := os.ReadFile(usage)
	must(t, err)
	must(t, os.Remove(usage))
	must(t, unix.Mkfifo(usage, 0o644))

	stuck := make(chan error, maxPerContainer)
	for range maxPerContainer {
		go func() {
			_, err := p.Read(nil, r.tid, "/proc/meminfo")
			stuck <- err
		}()
	}
	for p.readsOf("/ctr") < maxPerContainer {
		time.Sleep(time.Millisecond)
	}
	got, err := p.Read(nil, r.tid, "/proc/uptime")
	hosts, hostErr := os.ReadFile(p.Root.Path("/proc/uptime"))
	if err != nil || hostErr != nil || string(got) != string(hosts) {
		t.Errorf("%q, error %v, want the host's %q", got, err, hosts)
	}
	if _, err := p.Read(nil, 0, "/proc/uptime"); err != nil {
		t.Errorf("the host's reader: %v", err)
	}
	if n := len(stuck); n != 0 {
		t.Fatalf("%d were not stuck", n)
	}
	if got := fallbacks(t, p.Metrics); !slices.Equal(got, []string{"/proc/uptime busy"}) {
		t.Errorf("counted %q", got)
	}

	must(t, os.WriteFile(usage+".new", text, 0o644))
	must(t, os.Rename(usage+".new", usage+".file"))
	writer, err := os.OpenFile(usage, os.O_RDWR, 0) // lets all of them go
	must(t, err)
	for range maxPerContainer {
		if err := <-stuck; err != nil {
			t.Error(err)
		}
	}
	must(t, writer.Close())
	must(t, os.Rename(usage+".file", usage))
	if n := p.readsOf("/ctr"); n != 0 {
		t.Errorf("%d reads are still counted", n)
	}
}

func (p *Pipeline) readsOf(container string) int {
	p.gate.mu.Lock()
	defer p.gate.mu.Unlock()
	return p.gate.in[container]
}

// TestGateWaitsForTheQuick: more reads than may run at a time all see their
// container, when none of them hangs.
func TestGateWaitsForTheQuick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gate
		ctx := t.Context()
		for range maxPerContainer {
			must(t, g.enter(ctx, "/c"))
		}
		must(t, g.enter(ctx, "/other"))
		entered := make(chan error, 1)
		go func() { entered <- g.enter(ctx, "/c") }()
		synctest.Wait() // it is waiting
		g.leave("/c")
		if err := <-entered; err != nil {
			t.Error(err)
		}
		if err := g.enter(ctx, "/c"); !errors.Is(err, errBusy) {
			t.Errorf("got error %v, want %v", err, errBusy)
		}
		ended, end := context.WithCancel(ctx)
		end()
		if err := g.enter(ended, "/other"); !errors.Is(err, context.Canceled) {
			t.Errorf("got error %v", err)
		}
		for range maxPerContainer {
			g.leave("/c")
		}
		g.leave("/other")
		if len(g.in) != 0 {
			t.Errorf("left behind: %v", g.in)
		}
	})
}

// TestEndedRequest is neither answered nor counted as a fallback.
func TestEndedRequest(t *testing.T) {
	r, dir := load(t, testdata+"/v2.txtar"), t.TempDir()
	r.lay(t, dir)
	p := r.pipeline(t, dir)
	ctx, end := context.WithCancel(context.Background())
	if text, err := p.ReadInto(ctx, r.tid, "/proc/uptime", []byte("before ")); err != nil || string(text[:7]) != "before " {
		t.Errorf("got %q, error %v", text, err)
	}
	end()
	if text, err := p.ReadInto(ctx, r.tid, "/proc/uptime", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %q, error %v", text, err)
	}
	if got := fallbacks(t, p.Metrics); len(got) != 0 {
		t.Errorf("counted %q", got)
	}
}
