package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// state is what finds a cluster again that another run has left. A pid may be
// somebody else's by then, so the time of its start belongs to it.
type state struct {
	Config  Config
	Init    int
	Started string
}

func stateFile(dir string) string { return filepath.Join(dir, "state.json") }

func (c *Cluster) save() error {
	started, err := startTime(c.Init)
	if err != nil {
		return fmt.Errorf("the init is gone: %w", err)
	}
	content, err := json.Marshal(state{Config: c.Config, Init: c.Init, Started: started})
	if err != nil {
		return err
	}
	return os.WriteFile(stateFile(c.Dir), content, 0o600)
}

// Find returns the cluster that runs in dir, or nil.
func Find(dir string) (*Cluster, error) {
	content, err := os.ReadFile(stateFile(dir))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var s state
	if err := json.Unmarshal(content, &s); err != nil {
		return nil, fmt.Errorf("%s: %w", stateFile(dir), err)
	}
	if started, err := startTime(s.Init); err != nil || started != s.Started {
		return nil, nil
	}
	return &Cluster{Config: s.Config, Init: s.Init}, nil
}

// startTime is field 22 of stat(5), in clock ticks since boot.
func startTime(pid int) (string, error) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return "", err
	}
	// The name before it may have spaces and brackets.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" {
		return "", fmt.Errorf("process %d has ended", pid)
	}
	return fields[19], nil
}

// stop kills the init, and with it every process and mount of the cluster, and
// removes the pods' cgroups.
func (c *Cluster) stop() error {
	if c.alive != nil {
		c.alive.Close()
	}
	if err := syscall.Kill(c.Init, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	err := until(30*time.Second, func() error {
		if _, err := startTime(c.Init); err == nil {
			return fmt.Errorf("process %d of the cluster does not end", c.Init)
		}
		return nil
	})
	return errors.Join(err, removeCgroups(c.Dir))
}

// Remove ends the cluster in dir, if one runs, and removes dir.
func Remove(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	c, err := Find(dir)
	if err != nil {
		return err
	}
	if c != nil {
		if err := c.stop(); err != nil {
			return err
		}
	}
	return errors.Join(removeCgroups(dir), os.RemoveAll(dir))
}

// removeCgroups waits for the last processes to leave.
func removeCgroups(dir string) error {
	return until(10*time.Second, func() error {
		for _, root := range cgroupDirs(dir) {
			if err := removeTree(root); err != nil {
				return err
			}
		}
		return nil
	})
}

// removeTree is rmdir, deepest first: the files in a cgroup cannot be removed
// and need not be.
func removeTree(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if e.IsDir() {
			err = errors.Join(err, removeTree(filepath.Join(dir, e.Name())))
		}
	}
	if rmErr := syscall.Rmdir(dir); rmErr != nil && !errors.Is(rmErr, syscall.ENOENT) {
		err = errors.Join(err, fmt.Errorf("cgroup %s: %w", dir, rmErr))
	}
	return err
}

// cgroupDirs is the cluster's directory in each hierarchy.
func cgroupDirs(dir string) []string {
	var dirs []string
	mounts, _ := os.ReadFile("/proc/self/mounts")
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); len(f) > 2 && (f[2] == "cgroup" || f[2] == "cgroup2") {
			dirs = append(dirs, filepath.Join(f[1], cgroupRoot(dir)))
		}
	}
	return dirs
}

// until tries what every 50 ms.
func until(limit time.Duration, what func() error) error {
	end := time.Now().Add(limit)
	for {
		err := what()
		if err == nil || time.Now().After(end) {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}
