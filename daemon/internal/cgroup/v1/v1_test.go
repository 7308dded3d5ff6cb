package v1

import (
	"errors"
	"io/fs"
	"slices"
	"testing"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/cgroup/cgrouptest"
)

type files = map[string]string

var (
	inner = cgroup.Place{Leaf: "/pod/ctr/app", Root: "/pod/ctr"}
	top   = cgroup.Place{Leaf: "/", Root: "/"}
)

const unset = "9223372036854771712\n"

// open makes a hierarchy of one controller.
func open(t *testing.T, controller string, f files) (cgroup.Source, string) {
	t.Helper()
	dir := cgrouptest.Dir(t, f)
	return New(map[string]string{controller: dir}, cgrouptest.Files()), dir
}

func TestRootsOwn(t *testing.T) {
	s, _ := open(t, "cpuacct", files{"pod/ctr/cgroup.procs": "1\n", "pod/ctr/app/cgroup.procs": "2\n", "pod/cgroup.procs": "3\n"})
	pids, err := s.Processes(inner, nil)
	if slices.Sort(pids); err != nil || !slices.Equal(pids, []int{1, 2}) {
		t.Errorf("got pids %v, error %v", pids, err)
	}
	id, err := s.ID(inner)
	rootID, rootErr := s.ID(cgroup.Place{Leaf: inner.Root, Root: inner.Root})
	if err != nil || rootErr != nil || id != rootID || id == 0 {
		t.Errorf("got IDs %d and %d, errors %v, %v", id, rootID, err, rootErr)
	}
	if _, err := s.Pressure(inner, "cpu", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("pressure: got error %v", err)
	}
}

// Each method reads its own controller's hierarchy, and says so when that is
// not mounted.
func TestControllerNotMounted(t *testing.T) {
	methods := map[string]func(cgroup.Source) error{
		"memory":  func(s cgroup.Source) error { return cgrouptest.Memory(s, top, false, &cgroup.Memory{}) },
		"cpu":     func(s cgroup.Source) error { return s.CPULimit(top, &cgroup.CPULimit{}) },
		"cpuset":  func(s cgroup.Source) error { _, err := s.CPUs(top, nil); return err },
		"cpuacct": func(s cgroup.Source) error { _, err := s.ID(top); return err },
		"blkio":   func(s cgroup.Source) error { _, err := s.IO(top, nil); return err },
	}
	for missing, method := range methods {
		dirs := map[string]string{}
		for controller := range methods {
			if controller != missing && !(missing == "cpuacct" && controller == "cpu") {
				dirs[controller] = cgrouptest.Dir(t, cgrouptest.With(memoryFiles, files{
					"cpuset.effective_cpus": "0\n", "blkio.throttle.io_serviced": "Total 0\n",
				}))
			}
		}
		if err := method(New(dirs, cgrouptest.Files())); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("no %s: got error %v", missing, err)
		}
		if err := method(New(map[string]string{missing: cgrouptest.Dir(t, cgrouptest.With(memoryFiles, files{
			"cpuset.effective_cpus": "0\n", "blkio.throttle.io_serviced": "Total 0\n",
		}))}, cgrouptest.Files())); err != nil {
			t.Errorf("only %s: %v", missing, err)
		}
	}
}
