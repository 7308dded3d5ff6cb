package reattach

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/mountinfo"
	"github.com/podview/podview/daemon/paths"
)

// Unmasked tells that nothing is over a process's /proc, as the runtime makes
// it with procMount: Unmasked, but what may be at emulated paths. Otherwise
// the kernel refuses a /proc to nested containers whether the view is there
// or not. A process that has ended is not.
func Unmasked(procfs string, pid int) (bool, error) {
	mounts, err := mountinfo.Read(fmt.Sprintf("%s/%d/mountinfo", procfs, pid))
	if gone(err) {
		return false, nil
	}
	return err == nil && unmasked(mounts), err
}

func unmasked(mounts []mountinfo.Mount) bool {
	proc := shown(mounts, "/proc")
	if proc.FSType != "proc" {
		return false
	}
	return !slices.ContainsFunc(mountinfo.Children(mounts, proc), func(m mountinfo.Mount) bool {
		return strings.HasPrefix(m.Point, "/proc/") && !slices.ContainsFunc(paths.All, func(p paths.Path) bool { return p.Path == m.Point })
	})
}

// Find returns a process whose cgroup names the container, 0 for none. It
// looks at the highest numbers first: that of a new container is one of them.
func Find(procfs, id string) int {
	entries, err := os.ReadDir(procfs)
	if err != nil || id == "" {
		return 0
	}
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	for _, pid := range slices.Backward(pids) {
		if text, err := os.ReadFile(fmt.Sprintf("%s/%d/cgroup", procfs, pid)); err == nil && bytes.Contains(text, []byte(id)) {
			return pid
		}
	}
	return 0
}

// Detach takes every view off the target's paths, where one is on top, living
// or dead: the container sees the kernel's own files again. What anybody else
// has mounted there stays. Replaced are the paths. Files that are open stay
// what they are. A container that has ended is an empty report.
func Detach(config Config, target Target) Container {
	c := Container{PID: target.PID}
	var err error
	if c.MountNS, err = mountNS(config.Proc, strconv.Itoa(target.PID)); gone(err) {
		return Container{}
	}
	own, errOwn := mountNS(config.Proc, "self")
	if err := errors.Join(err, errOwn); err != nil {
		c.fail("", err)
		return c
	}
	if c.MountNS == own {
		return Container{}
	}
	start := time.Now()
	c.bounded(func(c *Container) { c.detachNow(config.Proc, target) })
	c.Took = time.Since(start)
	return c
}

func (c *Container) detachNow(procfs string, target Target) {
	entrance, err := openEntrance(procfs, c.PID, c.MountNS, target.ID)
	if gone(err) {
		return
	}
	if err != nil {
		c.fail("", err)
		return
	}
	defer entrance.close()
	mounts, err := mountinfo.Read(fmt.Sprintf("%s/%d/mountinfo", procfs, c.PID))
	if gone(err) {
		return
	}
	if err == nil {
		err = onThread(func() error {
			if err := entrance.enter(); err != nil {
				return err
			}
			for _, path := range target.Paths {
				c.detachPath(path, mountinfo.At(mounts, path))
			}
			return nil
		})
	}
	if err != nil {
		c.fail("", err)
	}
}

// detachPath is for the thread that is in the container.
func (c *Container) detachPath(path string, there []mountinfo.Mount) {
	for _, m := range slices.Backward(there) {
		if !isView(m, path) {
			return
		}
		t := target{path: path}
		err := t.check(m)
		if err == nil {
			err = unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
		}
		if err != nil {
			c.fail(path, fmt.Errorf("unmount: %w", err))
			return
		}
		if !slices.Contains(c.Replaced, path) {
			c.Replaced = append(c.Replaced, path)
		}
	}
}
