package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/podview/podview/daemon/paths"
	"golang.org/x/sys/unix"
)

// Enclose makes the agent's root an empty file system but for one program
// (this one, which is static), /proc and /sys. As a runtime does, it finds the
// sources of the bind mounts as the host sees them: links in view lead to the
// host's /proc, not to the container's.
func (a *Agent) Enclose(args EncloseArgs, _ *struct{}) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mount / private: %w", err)
	}
	if err := unix.Mount("tmpfs", args.Root, "tmpfs", 0, ""); err != nil {
		return fmt.Errorf("mount the root: %w", err)
	}
	at := func(path string) string { return filepath.Join(args.Root, path) }
	program, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = os.WriteFile(at("program"), program, 0o755)
	}
	for _, dir := range []string{"proc", "sys", "old"} {
		if err == nil {
			err = os.Mkdir(at(dir), 0o755)
		}
	}
	if err == nil {
		err = unix.Mount("proc", at("proc"), "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
	}
	if err == nil {
		err = unix.Mount("/sys", at("sys"), "", unix.MS_BIND|unix.MS_REC, "")
	}
	if err != nil {
		return err
	}
	for _, path := range args.Paths {
		if err := unix.Mount(args.View+path, at(path), "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("bind %s: %w", path, err)
		}
	}
	if err := unix.Chdir(args.Root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "old"); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Chdir("/"); err != nil {
		return err
	}
	return unix.Unmount("/old", unix.MNT_DETACH)
}

// EncloseArgs names the directory to mount the root on, and the emulated paths
// to bind from the tree at View.
type EncloseArgs struct {
	Root, View string
	Paths      []string
}

// emulatedHere are the paths that this kernel has.
func emulatedHere() (have []string) {
	for _, p := range paths.All {
		if _, err := os.Stat(p.Path); err == nil {
			have = append(have, p.Path)
		}
	}
	return have
}

const enclosedMiB = 192

// enclosed starts a container with an empty root and enclosedMiB of memory.
func enclosed(t *testing.T, view string) *container {
	t.Helper()
	c, err := tryEnclosed(t, view)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// tryEnclosed fails where a runtime could not mount the view.
func tryEnclosed(t *testing.T, view string) (*container, error) {
	t.Helper()
	c := &container{
		group:   newGroup(t, podPath()+"/"+ctrName("e"), limits{memoryMiB: enclosedMiB, cpuMilli: 1000}),
		process: startAgent(t, true),
	}
	c.group.add(t, c.pid)
	return c, c.try("Enclose", EncloseArgs{t.TempDir(), view, emulatedHere()}, &struct{}{})
}

// files are one file of every emulated path.
func files() (all []string) {
	for _, path := range emulatedHere() {
		switch path {
		case paths.CPUDir, paths.NodeDir:
			path += "/online"
		}
		if _, err := os.Stat(path); err == nil {
			all = append(all, path)
		}
	}
	return all
}

// broken are the files of a container that can't be read.
func broken(t *testing.T, c *container) (all []string) {
	t.Helper()
	for _, file := range files() {
		if r := c.tryRead(t, file); r.Errno != 0 || len(r.Data) == 0 {
			all = append(all, fmt.Sprintf("%s: %v", file, r.Errno))
		}
	}
	return all
}

// limited tells whether the container sees its own memory limit.
func limited(t *testing.T, c *container) bool {
	t.Helper()
	r := c.tryRead(t, "/proc/meminfo")
	return strings.Contains(string(r.Data), fmt.Sprintf("MemTotal: %14d kB", enclosedMiB<<10))
}
