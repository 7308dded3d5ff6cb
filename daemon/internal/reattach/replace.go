package reattach

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/mountinfo"
)

// attachTimeout is for a container that has put a file system that hangs in
// the way to its own /proc or /sys.
const attachTimeout = 10 * time.Second

// attach replaces in c's mount namespace what j judges to be ours.
func (v *view) attach(procfs string, c *Container, j *judge) {
	// The timeout leaves this one behind.
	v, err := v.copy()
	if err != nil {
		c.fail("", err)
		return
	}
	c.bounded(func(c *Container) {
		defer v.close()
		v.attachNow(procfs, c, j)
	})
}

// bounded waits for work on c no longer than attachTimeout.
func (c *Container) bounded(work func(*Container)) {
	done := make(chan Container, 1)
	before := *c
	go func() {
		// All that it opens is closed by it, also after the timeout.
		after := before
		work(&after)
		done <- after
	}()
	select {
	case *c = <-done:
	case <-time.After(attachTimeout):
		c.fail("", fmt.Errorf("entering the container took more than %v", attachTimeout))
	}
}

func (v *view) attachNow(procfs string, c *Container, j *judge) {
	entrance, err := openEntrance(procfs, c.PID, c.MountNS, j.id)
	if gone(err) {
		return
	}
	if err != nil {
		c.fail("", err)
		return
	}
	defer entrance.close()
	// Again, because it is locked only now.
	mounts, err := j.mounts(procfs, c.PID)
	if gone(err) {
		return
	}
	if err != nil {
		c.fail("", err)
		return
	}
	c.Failures = nil
	targets := j.targets(c.PID, mounts, c)
	clones := make([]int, len(targets))
	for i, t := range targets {
		// Here: in there, the view has no path.
		if clones[i], err = v.clone(t.path); err != nil {
			c.fail(t.path, err)
			continue
		}
		defer unix.Close(clones[i])
	}
	err = onThread(func() error {
		if err := entrance.enter(); err != nil {
			return err
		}
		for i, t := range targets {
			if clones[i] < 0 {
				continue
			}
			if err := t.replace(clones[i]); err != nil {
				c.fail(t.path, err)
				continue
			}
			c.Replaced = append(c.Replaced, t.path)
		}
		return nil
	})
	if err != nil {
		c.fail("", err)
	}
}

// moveMountBeneath is MOVE_MOUNT_BENEATH (linux/mount.h), since Linux 6.5.
const moveMountBeneath = 0x200

// replace puts the mount clone where the target's mounts are, if any. The
// calling thread is in the container.
func (t *target) replace(clone int) error {
	const fromFD = unix.MOVE_MOUNT_F_EMPTY_PATH
	if len(t.mounts) == 0 {
		if err := t.check(t.bare); err != nil {
			return err
		}
	}
	for i, m := range t.mounts {
		if err := t.check(m); err != nil {
			return err
		}
		last := i == len(t.mounts)-1
		beneath := last && unix.MoveMount(clone, "", unix.AT_FDCWD, t.path, fromFD|moveMountBeneath) == nil
		err := unix.Unmount(t.path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
		switch {
		case err == nil && beneath:
			return t.mask()
		case errors.Is(err, unix.EINVAL) && !beneath:
			// It came with a copy of a mount namespace of a more privileged
			// user (MNT_LOCKED), who alone may uncover what is below. On
			// top of it is just as well.
			return errors.Join(t.moveOnTop(clone), t.mask())
		case err != nil:
			return fmt.Errorf("unmount: %w", err)
		}
	}
	return errors.Join(t.moveOnTop(clone), t.mask())
}

func (t *target) moveOnTop(clone int) error {
	if err := unix.MoveMount(clone, "", unix.AT_FDCWD, t.path, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	return nil
}

// check makes sure that it still is m that shows at the path.
func (t *target) check(m mountinfo.Mount) error {
	var st unix.Statx_t
	// DONT_SYNC: the mount's daemon may be dead.
	const flags = unix.AT_SYMLINK_NOFOLLOW | unix.AT_STATX_DONT_SYNC
	if err := unix.Statx(unix.AT_FDCWD, t.path, flags, unix.STATX_MNT_ID, &st); err != nil {
		return fmt.Errorf("look at what is mounted: %w", err)
	}
	if st.Mnt_id != uint64(m.ID) {
		return fmt.Errorf("mount %d is there now instead of %d: somebody else mounts here, too", st.Mnt_id, m.ID)
	}
	return nil
}

// mask hides again what the runtime had hidden, as far as the view has it.
func (t *target) mask() error {
	const flags = unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	for _, dir := range t.masks {
		if err := unix.Mount("tmpfs", dir, "tmpfs", flags, "mode=755"); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("hide %q as before: %w", dir, err)
		}
	}
	return nil
}
