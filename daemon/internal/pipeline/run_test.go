package pipeline

import (
	"context"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/podview/podview/daemon/internal/cgroup/cgrouptest"
	"github.com/podview/podview/daemon/internal/host"
)

// TestNothingRunsWhileNobodyReads lets hours pass.
func TestNothingRunsWhileNobodyReads(t *testing.T) {
	r, dir := load(t, testdata+"/v2.txtar"), t.TempDir()
	r.lay(t, dir)
	state := dir + "/proc/77/task/77/stat"
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		p := r.pipeline(t, dir)
		if p.changes = host.NewChanges(cgrouptest.Dirs()); p.changes.Reports() != nil {
			t.Log("changes of cgroups are not reported here")
		}
		letGo(p)
		p.NowNsec = func() uint64 { return uint64(r.bootSec*1e9) + uint64(time.Since(begin)) }
		ctx, end := context.WithCancel(t.Context())
		go p.Run(ctx)
		asleep := func() bool {
			synctest.Wait()
			return !p.wake.isSet.Load() && !p.used()
		}
		time.Sleep(time.Hour)
		if !asleep() {
			t.Error("awake before anybody read")
		}
		for range 2 {
			read := func() string {
				text, err := p.Read(nil, r.tid, "/proc/loadavg")
				must(t, err)
				return string(text)
			}
			must(t, os.WriteFile(state, []byte("77 (x) R 1 77 77 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 100 0 0\n"), 0o644))
			first := read()
			must(t, os.WriteFile(state, []byte("77 (x) S 1 77 77 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 100 0 0\n"), 0o644))
			time.Sleep(time.Minute)
			if second := read(); first <= second || asleep() {
				t.Errorf("a minute after the thread fell asleep: %q and %q", first, second)
			}
			time.Sleep(14 * time.Minute)
			if p.loads.Watched() != 1 {
				t.Error("forgotten after 14 minutes")
			}
			time.Sleep(10 * time.Minute)
			if !asleep() {
				t.Errorf("still awake: %d watched, %d files kept", p.loads.Watched(), p.Kept.Open())
			}
			r.bootSec += 1000 // averages start anew
		}
		end()
		letGo(p)
	})
}
