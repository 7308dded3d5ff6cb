package v2

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

func TestPressureIsTheRootsAndACopy(t *testing.T) {
	s := New(cgrouptest.Dir(t, files{"pod/ctr/cpu.pressure": "some\n", "pod/ctr/io.pressure": "full\n", "pod/ctr/app/cpu.pressure": "other\n"}), cgrouptest.Files())
	cpu, err := s.Pressure(inner, "cpu", nil)
	if err != nil {
		t.Fatal(err)
	}
	io, err := s.Pressure(inner, "io", nil)
	if err != nil || string(cpu) != "some\n" || string(io) != "full\n" {
		t.Errorf("got %q and %q, error %v", cpu, io, err)
	}
	if _, err := s.Pressure(inner, "memory", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: got error %v", err)
	}
}

func TestRootsOwn(t *testing.T) {
	s := New(cgrouptest.Dir(t, files{"pod/ctr/cgroup.procs": "1\n", "pod/ctr/app/cgroup.procs": "2\n", "pod/cgroup.procs": "3\n"}), cgrouptest.Files())
	pids, err := s.Processes(inner, nil)
	if slices.Sort(pids); err != nil || !slices.Equal(pids, []int{1, 2}) {
		t.Errorf("got pids %v, error %v", pids, err)
	}
	id, err := s.ID(inner)
	rootID, rootErr := s.ID(cgroup.Place{Leaf: inner.Root, Root: inner.Root})
	if err != nil || rootErr != nil || id != rootID || id == 0 {
		t.Errorf("got IDs %d and %d, errors %v, %v", id, rootID, err, rootErr)
	}
	if text, err := s.Slabinfo(inner, nil); text != nil || err != nil {
		t.Errorf("got slabinfo %q, error %v", text, err)
	}
}
