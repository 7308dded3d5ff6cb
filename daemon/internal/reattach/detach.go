package reattach

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/mountinfo"
)

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
