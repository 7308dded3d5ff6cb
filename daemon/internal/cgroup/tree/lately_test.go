package tree_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/cgroup/cgrouptest"
	"github.com/podview/podview/daemon/internal/cgroup/tree"
	"github.com/podview/podview/daemon/internal/host"
)

func TestStatLately(t *testing.T) {
	dir := cgrouptest.Dir(t, map[string]string{"ctr/usage": "1\n"})
	now := uint64(0) // what the file would say
	failed := errors.New("failed")
	read := func(m *cgroup.Memory) error {
		if now == 0 {
			return failed
		}
		m.Stat.AnonBytes, m.SwapUsageBytes = now, 10*now
		return nil
	}
	lately := func(tr *tree.Tree, beside string) (uint64, error) {
		var m cgroup.Memory
		_ = tr.Read("/ctr", "usage", func([]byte) error { return nil })
		err := tr.StatLately("/ctr", beside, &m, read)
		if err == nil && m.SwapUsageBytes != 10*m.Stat.AnonBytes {
			t.Errorf("swap of another moment: %+v", m)
		}
		return m.Stat.AnonBytes, err
	}
	want := func(when string, tr *tree.Tree, beside string, want uint64) {
		t.Helper()
		if got, err := lately(tr, beside); err != nil || got != want {
			t.Errorf("%s: got %d, error %v, want %d", when, got, err, want)
		}
	}
	kept := tree.New(dir, tree.NewFiles(host.NewKept(10), time.Hour))
	if _, err := lately(kept, "usage"); !errors.Is(err, failed) {
		t.Errorf("got error %v", err)
	}
	now = 1
	want("after an error", kept, "usage", 1)
	now = 2
	want("young enough", kept, "usage", 1)
	want("beside a file that was not read", kept, "other", 2)
	want("no age is allowed", tree.New(dir, tree.NewFiles(host.NewKept(10), 0)), "usage", 2)
	brief := tree.New(dir, tree.NewFiles(host.NewKept(10), time.Microsecond))
	want("first", brief, "usage", 2)
	now = 3
	time.Sleep(time.Millisecond)
	want("too old", brief, "usage", 3)
}

// TestStatOfTheSamePath: a cgroup that has another's name has its own figures.
func TestStatOfTheSamePath(t *testing.T) {
	c := cgrouptest.Start(t, fmt.Sprintf("/podview-test-lately-%d", os.Getpid()), "exec sleep 1000")
	file := map[bool]string{false: "memory.usage_in_bytes", true: "memory.current"}[cgrouptest.IsV2()]
	tr := tree.New(strings.TrimSuffix(c.Dir("memory"), c.Path), tree.NewFiles(host.NewKept(10), time.Hour))
	now := uint64(1)
	for _, want := range []uint64{1, 1, 3} {
		var m cgroup.Memory
		if err := tr.Read(c.Path, file, func([]byte) error { return nil }); err != nil {
			t.Fatal(err)
		}
		err := tr.StatLately(c.Path, file, &m, func(m *cgroup.Memory) error { m.Stat.AnonBytes = now; return nil })
		if err != nil || m.Stat.AnonBytes != want {
			t.Errorf("got %d, error %v, want %d", m.Stat.AnonBytes, err, want)
		}
		if now++; now == 3 {
			c.Stop()
			c.Restart("exec sleep 1000")
		}
	}
}
