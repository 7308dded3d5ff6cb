package caller_test

import (
	"testing"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/cgroup/cgrouptest"
)

// TestIdentifyAsOf: a process's cgroup is asked for when the count of changes
// is another, and only then. So is its namespace's init's.
func TestIdentifyAsOf(t *testing.T) {
	if cgrouptest.IsV2() {
		t.Skip("on v2 a cgroup with controllers for others has no processes of its own")
	}
	path := testPath("asof/a")
	inner := path + "/in"
	c := cgrouptest.Start(t, path, twoProcesses)
	child := c.Processes(2)[1]
	if child == c.PID {
		child = c.Processes(2)[0]
	}
	makeCgroup(t, inner)
	r := resolver(t).Resolver
	want := func(changes uint64, leaf, root string) {
		t.Helper()
		who, err := r.Identify(child, changes)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := who.Place(key()); got != (cgroup.Place{Leaf: leaf, Root: root}) {
			t.Errorf("as of %d it is in %+v, want %s in %s", changes, got, leaf, root)
		}
	}
	want(1, path, path)
	cgrouptest.MoveTo(t, child, inner)
	want(1, path, path)
	want(2, inner, path)
	cgrouptest.MoveTo(t, c.PID, inner)
	want(2, inner, path)
	want(3, inner, inner)
	cgrouptest.MoveTo(t, c.PID, path) // for Stop
	cgrouptest.MoveTo(t, child, path)
}
