package conformance

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Crowd asks an agent to be many containers, one after the other.
type Crowd struct {
	// Dirs are where the hierarchies are mounted that the containers are in, and
	// LeafDir is one of them, where they have cgroups of their own.
	Dirs    []string
	LeafDir string
	Base    string // the cgroup below which they are
	V2      bool
	// First and Containers number them, and Leaves are the cgroups of each.
	First, Containers, Leaves int
	// Read are files that each container reads, and LeafRead one that it does in
	// each of its cgroups.
	Read     []string
	LeafRead string
	// Hold is a file that each opens so many times and reads a byte of.
	Hold Hold
}

// path is a container's cgroup where kubelet would have it, with a name as long
// as podview remembers.
func (c *Crowd) path(i int) string {
	return fmt.Sprintf("%s/kubepods/pod%08d-4bbb-4de3-8dbf-3b8bbd5dc689/%0250d", c.Base, i, i)
}

// Be makes the containers' cgroups, and is in each for a moment.
func (a *Agent) Be(c Crowd, held *int) error {
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 20_000, Max: 20_000}); err != nil {
		return fmt.Errorf("setrlimit: %w", err)
	}
	for i := c.First; i < c.First+c.Containers; i++ {
		path := c.path(i)
		for _, dir := range c.Dirs {
			if err := c.makeGroups(dir, path); err != nil {
				return err
			}
		}
		if err := enter(c.Dirs, path); err != nil {
			return err
		}
		for _, file := range c.Read {
			if _, err := os.ReadFile(file); err != nil {
				return err
			}
		}
		if c.Hold.Path != "" {
			var n int
			if err := a.Hold(c.Hold, &n); err != nil {
				return err
			}
			*held += n
		}
		for j := range c.Leaves {
			leaf := fmt.Sprintf("%s/leaf%d", path, j)
			if err := os.Mkdir(c.LeafDir+leaf, 0o755); err != nil {
				return err
			}
			if err := enter([]string{c.LeafDir}, leaf); err != nil {
				return err
			}
			if _, err := os.ReadFile(c.LeafRead); err != nil {
				return err
			}
		}
	}
	return nil
}

// makeGroups hands cgroup v2's controllers down to a container's cgroup.
func (c *Crowd) makeGroups(dir, path string) error {
	if c.V2 {
		for at := filepath.Dir(path); len(at) >= len(c.Base); at = filepath.Dir(at) {
			if err := os.MkdirAll(dir+at, 0o755); err != nil {
				return err
			}
		}
		for _, at := range []string{c.Base, c.Base + "/kubepods", filepath.Dir(path)} {
			if err := writeFile(dir+at+"/cgroup.subtree_control", "+cpu +memory +io"); err != nil {
				return err
			}
		}
	}
	if err := os.MkdirAll(dir+path, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func enter(dirs []string, path string) error {
	for _, dir := range dirs {
		if err := writeFile(dir+path+"/cgroup.procs", "0"); err != nil {
			return err
		}
	}
	return nil
}

// remove takes the containers' cgroups away again, when nobody is in them.
func (c *Crowd) remove() (err error) {
	remove := func(dir string) {
		if gone := os.Remove(dir); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = gone
		}
	}
	for i := c.First; i < c.First+c.Containers; i++ {
		for _, dir := range c.Dirs {
			for j := range c.Leaves {
				if dir == c.LeafDir {
					remove(fmt.Sprintf("%s%s/leaf%d", dir, c.path(i), j))
				}
			}
			remove(dir + c.path(i))
			remove(filepath.Dir(dir + c.path(i)))
		}
	}
	for _, dir := range c.Dirs {
		_ = os.Remove(dir + c.Base + "/kubepods")
	}
	return err
}

// Threads reads a file by so many threads, which stay.
func (a *Agent) Threads(h Hold, _ *struct{}) error {
	errs := make(chan error, h.Times)
	for range h.Times {
		go func() {
			runtime.LockOSThread()
			_, err := os.ReadFile(h.Path)
			errs <- err
			<-a.rest
		}()
	}
	var all []string
	for range h.Times {
		if err := <-errs; err != nil {
			all = append(all, err.Error())
		}
	}
	if len(all) > 0 {
		return fmt.Errorf("%d of %d: %s", len(all), h.Times, strings.Join(all[:1], ""))
	}
	return nil
}
