package conformance

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// hierarchies is where the machine's cgroup file systems are mounted.
type hierarchies struct {
	v1      map[string]string // by controller
	unified string            // the cgroup2 mount; on a v1 machine it may exist too
	all     []string
}

// v2 tells whether the machine has nothing but cgroup v2. A v1 machine with
// a cgroup2 mount beside (hybrid) counts as v1.
func (h *hierarchies) v2() bool { return len(h.v1) == 0 }

// dir is where controller's files are.
func (h *hierarchies) dir(controller string) (string, bool) {
	if h.v2() {
		return h.unified, true
	}
	dir, ok := h.v1[controller]
	return dir, ok
}

var machine = sync.OnceValues(func() (*hierarchies, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := &hierarchies{v1: map[string]string{}}
	seen := map[string]bool{} // by device: others may mount them again, elsewhere
	for s := bufio.NewScanner(f); s.Scan(); {
		before, after, ok := strings.Cut(s.Text(), " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 5 || len(right) < 3 {
			return nil, fmt.Errorf("/proc/self/mountinfo: %q", s.Text())
		}
		dir := left[4]
		if seen[left[2]] {
			continue
		}
		seen[left[2]] = true
		switch right[0] {
		case "cgroup2":
			h.unified = dir
		case "cgroup":
			for _, option := range strings.Split(right[2], ",") {
				if option != "rw" && option != "ro" {
					h.v1[option] = dir
				}
			}
		default:
			continue
		}
		h.all = append(h.all, dir)
	}
	if len(h.all) == 0 {
		return nil, fmt.Errorf("/proc/self/mountinfo: no cgroup file system is mounted")
	}
	return h, nil
})

// makeGroup makes every directory down to path, ready for limits.
func makeGroup(h *hierarchies, mount, path string) error {
	dir := mount
	for _, name := range strings.Split(strings.Trim(path, "/"), "/") {
		if h.v2() {
			// A cgroup has the controllers that its parent hands down.
			if err := writeFile(filepath.Join(dir, "cgroup.subtree_control"), "+cpu +memory +cpuset +io +pids"); err != nil {
				return err
			}
		}
		parent := dir
		dir = filepath.Join(dir, name)
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		} else if err == nil && mount == h.v1["cpuset"] {
			// v1's new cpusets are empty and hold no process.
			for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
				text, err := os.ReadFile(filepath.Join(parent, file))
				if err == nil {
					err = writeFile(filepath.Join(dir, file), string(text))
				}
				if err != nil {
					return err
				}
			}
		}
		if name == topName() {
			favour(dir)
		}
	}
	return nil
}

// favour gives the run's cgroup the largest share of the CPUs, because a busy
// machine would keep containers from using what their limits allow.
func favour(dir string) {
	_ = writeFile(filepath.Join(dir, "cpu.shares"), "262144")
	_ = writeFile(filepath.Join(dir, "cpu.weight"), "10000")
}

// topPrefix begins the names of the cgroups of all runs in this pid namespace:
// those of others may have the same pids. Nobody here can tell whether those live.
var topPrefix = sync.OnceValue(func() string {
	namespace, err := os.Readlink("/proc/self/ns/pid") // pid:[4026531836]
	if err != nil {
		panic(err)
	}
	return "podview-conf-" + strings.Trim(namespace, "pid:[]") + "-"
})

// topName is the one cgroup, in every hierarchy, that holds all of this run's.
func topName() string { return topPrefix() + strconv.Itoa(os.Getpid()) }

// removeTopGroups removes this run's top cgroup, and what runs that were
// killed have left in this pid namespace.
func removeTopGroups() {
	h, err := machine()
	if err != nil {
		return
	}
	for _, dir := range h.all {
		tops, _ := filepath.Glob(filepath.Join(dir, topPrefix()+"*"))
		for _, top := range tops {
			pid := strings.TrimPrefix(filepath.Base(top), topPrefix())
			if _, err := os.Stat("/proc/" + pid); err == nil && pid != strconv.Itoa(os.Getpid()) {
				continue // another run's, alive
			}
			removeTree(top)
		}
	}
}

// removeTree removes a cgroup and those below it that have no processes.
func removeTree(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			removeTree(filepath.Join(dir, e.Name()))
		}
	}
	_ = os.Remove(dir)
}
