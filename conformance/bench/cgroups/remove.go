package cgroups

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// removeTimeout is how long killed processes may take to be gone.
const removeTimeout = 20 * time.Second

// Remove kills every process in the run's cgroups and removes them. The error
// names what is left.
func (r *Run) Remove() error { return r.remove(r.top) }

// RemoveContainers does so for the containers only.
func (r *Run) RemoveContainers() error { return r.remove(r.top + "/burstable") }

// RemoveAccount does so for one server.
func (r *Run) RemoveAccount(name string) error { return r.remove(r.top + "/servers/" + name) }

func (r *Run) remove(path string) error {
	deadline := time.Now().Add(removeTimeout)
	var problems error
	for _, hierarchy := range r.machine.all {
		problems = errors.Join(problems, removeTree(filepath.Join(hierarchy, path), deadline))
	}
	return problems
}

// removeTree tries until the deadline: a process that was killed stays in its
// cgroup until it has let go of its memory.
func removeTree(top string, deadline time.Time) error {
	for {
		err := removeOnce(top)
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func removeOnce(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var problems error
	for _, e := range entries {
		if e.IsDir() {
			problems = errors.Join(problems, removeOnce(filepath.Join(dir, e.Name())))
		}
	}
	if problems != nil {
		return problems
	}
	if err := unix.Rmdir(dir); err == nil || err == unix.ENOENT {
		return nil
	}
	pids, err := processes(dir)
	for _, pid := range pids {
		_ = unix.Kill(pid, unix.SIGKILL)
	}
	return errors.Join(err, fmt.Errorf("%s is left, with %d processes", dir, len(pids)))
}

// RemoveStale removes the cgroups of runs that were killed themselves.
func (m *Machine) RemoveStale() error {
	var problems error
	for _, hierarchy := range m.all {
		tops, _ := filepath.Glob(filepath.Join(hierarchy, topPrefix+"*"))
		for _, top := range tops {
			pid, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(top), topPrefix))
			if err != nil || unix.Kill(pid, 0) != unix.ESRCH {
				continue // another run's, alive
			}
			problems = errors.Join(problems, removeTree(top, time.Now().Add(removeTimeout)))
		}
	}
	return problems
}
