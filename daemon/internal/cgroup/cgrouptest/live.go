package cgrouptest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Container is a real one, on this machine's kernel: a cgroup in each
// hierarchy that podview reads, and a pid namespace with a process.
type Container struct {
	t    testing.TB
	Path string // of its cgroup, the same in every hierarchy
	PID  int    // its init's, here
	init *os.Process
	// NextPID, if not 0, is what the pid should be at the next Restart.
	NextPID int
}

const mount = "/sys/fs/cgroup"

// v1Controllers are those that podview reads.
var v1Controllers = []string{"memory", "cpu", "cpuacct", "cpuset", "blkio"}

// Start makes a container that runs a shell script. It and its cgroups are
// removed when the test ends; path's parents are, when they are empty. A test
// that can't have one is skipped.
func Start(t testing.TB, path, script string) *Container {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("making cgroups needs root")
	}
	if len(hierarchies()) == 0 {
		t.Skip("no cgroup v2, and not all of cgroup v1's controllers, at " + mount)
	}
	for _, h := range hierarchies() {
		if err := unix.Access(dir(h, "/"), unix.W_OK); err != nil {
			t.Skipf("no cgroups can be made in %s: %v", dir(h, "/"), err)
		}
	}
	c := &Container{t: t, Path: path}
	t.Cleanup(c.Stop)
	c.run(script)
	return c
}

// Restart kills the container, removes its cgroups, and starts another under
// the same path.
func (c *Container) Restart(script string) {
	c.t.Helper()
	c.Stop()
	c.run(script)
}

// Dir is the container's cgroup in the hierarchy of a controller; for
// "unified" in cgroup2, and for all of them where there is nothing else.
func (c *Container) Dir(controller string) string { return dir(controller, c.Path) }

// IsV2 tells whether everything is in cgroup2.
func IsV2() bool { return exists(mount + "/cgroup.controllers") }

// Dirs is where the hierarchies are mounted.
func Dirs() (dirs []string) {
	for _, h := range hierarchies() {
		dirs = append(dirs, dir(h, ""))
	}
	return dirs
}

func dir(controller, path string) string {
	if IsV2() {
		return mount + path
	}
	return filepath.Join(mount, controller) + path
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// hierarchies returns what to give to dir.
func hierarchies() []string {
	if IsV2() {
		return []string{"unified"}
	}
	for _, controller := range v1Controllers {
		if !exists(filepath.Join(mount, controller, "cgroup.procs")) {
			return nil
		}
	}
	all := slices.Clone(v1Controllers)
	if exists(mount + "/unified/cgroup.controllers") {
		all = append(all, "unified")
	}
	return all
}

// Set writes a file of the container's cgroup.
func (c *Container) Set(controller, file, text string) {
	c.t.Helper()
	write(c.t, filepath.Join(c.Dir(controller), file), text)
}

// LimitMemory sets the limit in bytes, in either version.
func (c *Container) LimitMemory(bytes int) {
	c.t.Helper()
	file := "memory.limit_in_bytes"
	if IsV2() {
		file = "memory.max"
	}
	c.Set("memory", file, strconv.Itoa(bytes))
}

// LimitCPU sets the quota of 100 ms, in either version.
func (c *Container) LimitCPU(quotaUsec int) {
	c.t.Helper()
	if IsV2() {
		c.Set("cpu", "cpu.max", fmt.Sprint(quotaUsec, " 100000"))
		return
	}
	c.Set("cpu", "cpu.cfs_quota_us", strconv.Itoa(quotaUsec))
}

// MoveTo moves a process into the cgroup at path of every hierarchy.
func MoveTo(t testing.TB, pid int, path string) {
	t.Helper()
	for _, h := range hierarchies() {
		write(t, filepath.Join(dir(h, path), "cgroup.procs"), strconv.Itoa(pid))
	}
}

// MakeCgroup makes a cgroup, and its parents, in every hierarchy.
func MakeCgroup(t testing.TB, path string) {
	t.Helper()
	for _, h := range hierarchies() {
		for end := 0; end < len(path); {
			next := strings.IndexByte(path[end+1:], '/')
			if next < 0 {
				next = len(path) - end - 1
			}
			parent := path[:end]
			end += 1 + next
			makeLevel(t, h, parent, path[:end])
		}
	}
}

func makeLevel(t testing.TB, hierarchy, parent, path string) {
	t.Helper()
	if IsV2() {
		write(t, filepath.Join(dir(hierarchy, parent), "cgroup.subtree_control"), "+memory +cpu +cpuset +io")
	}
	full := dir(hierarchy, path)
	if err := os.Mkdir(full, 0o755); err != nil {
		if !errors.Is(err, fs.ErrExist) {
			t.Fatal(err)
		}
		return
	}
	if hierarchy != "cpuset" || IsV2() {
		return
	}
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} { // v1 starts with none
		text, err := os.ReadFile(filepath.Join(dir(hierarchy, parent), file))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(full, file), strings.TrimSpace(string(text)))
	}
}

// RemoveCgroup undoes MakeCgroup; parents with something in them stay.
func RemoveCgroup(path string) {
	for _, h := range hierarchies() {
		err := os.Remove(dir(h, path))
		for range 100 { // a killed process leaves a moment later
			if !errors.Is(err, syscall.EBUSY) {
				break
			}
			time.Sleep(10 * time.Millisecond)
			err = os.Remove(dir(h, path))
		}
		for parent := filepath.Dir(path); err == nil && parent != "/"; parent = filepath.Dir(parent) {
			err = os.Remove(dir(h, parent))
		}
	}
}

func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0); err != nil {
		t.Fatal(err)
	}
}
