// Package cgroups makes the bench's cgroups: of containers, where the kubelet
// has them, and of servers, to count their CPU time.
package cgroups

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Machine is where the cgroup file systems are mounted.
type Machine struct {
	v1      map[string]string // by controller
	unified string            // cgroup2, beside v1 on a hybrid machine
	all     []string
}

// Open reads this process's mount table.
func Open() (*Machine, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	m := parse(string(text))
	for _, controller := range []string{"memory", "cpu", "cpuacct", "cpuset"} {
		if !m.v2() && m.v1[controller] == "" {
			return nil, fmt.Errorf("no cgroup file system for %s is mounted", controller)
		}
	}
	return m, nil
}

func parse(mountinfo string) *Machine {
	m := &Machine{v1: map[string]string{}}
	for line := range strings.Lines(mountinfo) {
		before, after, _ := strings.Cut(line, " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if len(left) < 5 || len(right) < 3 || right[0] != "cgroup" && right[0] != "cgroup2" {
			continue
		}
		dir := left[4]
		if right[0] == "cgroup2" {
			m.unified = dir
		} else {
			for option := range strings.SplitSeq(right[2], ",") {
				m.v1[option] = dir // rw and the like are no controllers: harmless
			}
		}
		if !slices.Contains(m.all, dir) {
			m.all = append(m.all, dir)
		}
	}
	return m
}

func (m *Machine) v2() bool { return m.v1["memory"] == "" && m.unified != "" }

// Version is "v1", "v2" or "hybrid".
func (m *Machine) Version() string {
	switch {
	case m.v2():
		return "v2"
	case m.unified != "":
		return "v1 (cgroup2 beside)"
	}
	return "v1"
}

// make makes every directory of a hierarchy down to path, which starts at its
// root, ready for processes.
func (m *Machine) make(hierarchy, path string) error {
	dir := hierarchy
	for name := range strings.SplitSeq(path, "/") {
		if m.v2() {
			// A cgroup has the controllers that its parent hands down.
			if err := write(dir, "cgroup.subtree_control", "+cpu +memory +cpuset +io +pids"); err != nil {
				return err
			}
		}
		parent := dir
		dir = filepath.Join(dir, name)
		err := os.Mkdir(dir, 0o755)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err == nil && hierarchy == m.v1["cpuset"] {
			err = inheritCPUs(parent, dir)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// inheritCPUs fills in what v1 leaves empty: such a cpuset takes no process.
func inheritCPUs(parent, dir string) error {
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		text, err := os.ReadFile(filepath.Join(parent, file))
		if err == nil {
			err = write(dir, file, string(text))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func write(dir, file, text string) error {
	return os.WriteFile(filepath.Join(dir, file), []byte(text), 0)
}
