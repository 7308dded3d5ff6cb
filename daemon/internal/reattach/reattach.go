// Package reattach gives running containers the view back, from outside: no
// program inside the container is needed.
//
// A container's emulated files are bind mounts. They break in two ways. When
// every process that held the FUSE device is gone, its superblock is dead for
// ever, and each read fails with ENOTCONN. And a container that started while
// no podview ran has the host's own files there, through the links of package
// failopen. Run replaces both kinds by the view that is mounted now.
//
// # What makes a mount ours
//
// It is in another mount namespace than this process's, it is what a process
// there finds at the path of an emulated file (paths.All), nothing on top,
// and one of these holds:
//
//   - Dead: its type is fuse.podview, it shows that same path of its file
//     system, and statfs(2) on it fails with ENOTCONN. Whoever mounted it,
//     nobody can want it.
//   - Fail open: it shows that same path of the procfs or sysfs superblock
//     that is the host's own /proc or /sys (process 1's), and the namespace
//     is not the host's. A container's own /proc is another superblock, so
//     what a runtime binds from that is never taken for ours. Somebody who
//     bound the host's /proc/meminfo over a container's by hand has made the
//     same mount as our links do, and gets the view as well.
//
// Views and fail-open mounts of the same path that lie directly below such a
// mount go with it; nobody can see them. Everything else stays: living views,
// also those of another podview, lxcfs, other files bound over /proc/meminfo,
// a view at another place, and mounts that something else hides.
//
// Attach knows more: a container that is to have the view, from its runtime.
// It attaches the view there also where nothing is mounted.
//
// # How it is replaced
//
// A clone of the view's mount (open_tree) is made here and moved into the
// container's namespace by a thread that has entered it (setns), which has
// CAP_SYS_ADMIN there as the host's root has in all user namespaces. Since
// Linux 6.5 the clone goes beneath the old mount before that is taken off, so
// that no reader sees the kernel's own file in between. Files that were open
// on the dead mount stay dead. Linux 5.12 is needed (mount_setattr).
package reattach

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Config says what to attach, and where to look.
type Config struct {
	// View is where the living view is mounted, in our mount namespace.
	View string
	// Proc is a procfs of the host's pid namespace.
	Proc string
	// DryRun leaves every mount as it is.
	DryRun bool
	// LinksOnly leaves dead views alone: there was none of ours before.
	LinksOnly bool
}

// Report has one entry for each container with a mount of ours, by pid.
type Report struct {
	Containers []Container
}

// Container is one mount namespace, and what was done there.
type Container struct {
	PID     int    // a process in it, the lowest
	MountNS uint64 // inode number of its namespace file, 0 if that may not be known
	Cgroup  string // the process's, to name the container; "" if unknown
	// Replaced are the emulated paths that show the view now; in a dry run
	// those that would be replaced.
	Replaced []string
	Failures []Failure
	Took     time.Duration
}

// Failure is one mount of ours that was not replaced. Path is "" for one
// that keeps the whole container from being looked at.
type Failure struct {
	Path string
	Err  error
}

func (f Failure) Error() string {
	if f.Path == "" {
		return f.Err.Error()
	}
	return f.Path + ": " + f.Err.Error()
}

func (f Failure) Unwrap() error { return f.Err }

// Err is all that failed, nil for nothing.
func (c *Container) Err() error {
	var err error
	for _, f := range c.Failures {
		err = errors.Join(err, f)
	}
	return err
}

func (c *Container) fail(path string, err error) {
	c.Failures = append(c.Failures, Failure{path, err})
}

// Run looks at every mount namespace that has a process, a few at a time, and
// replaces the mounts of ours there. The error is what kept it from
// looking at all: a View that is not living is one, and so is the end of ctx;
// what failed in a container is in the report. A container that ends
// meanwhile is left out.
//
// No container is waited for long: queue.go says how.
//
// It ends threads of this process, and with them child processes that were
// started with Pdeathsig: that goes by the thread that started them.
func Run(ctx context.Context, config Config) (Report, error) {
	v, err := openView(config.View)
	if err != nil {
		return Report{}, err
	}
	host, err := readHost(config.Proc)
	if err != nil {
		v.close()
		return Report{}, err
	}
	namespaces, err := scan(config.Proc)
	if err != nil {
		v.close()
		return Report{}, err
	}
	namespaces = takeTurns(namespaces, func(pid int) string { return cgroupName(config.Proc, pid) })
	judge := newJudge(host, v.dev, config.Proc)
	judge.linksOnly = config.LinksOnly
	do := func(ns namespace) (Container, bool) { return repair(ns, judge, v, config) }
	all, complete := each(ctx, namespaces, do, v.close)
	if !complete {
		return Report{all}, fmt.Errorf("stopped after %d containers: %w", len(all), ctx.Err())
	}
	return Report{all}, nil
}

// repair does one namespace. there is false if its processes have ended.
func repair(ns namespace, j *judge, v *view, config Config) (c Container, there bool) {
	for _, pid := range ns.pids {
		mounts, err := j.mounts(config.Proc, pid)
		if gone(err) {
			continue
		}
		c = Container{PID: pid, MountNS: ns.inode, Cgroup: cgroupName(config.Proc, pid)}
		if err != nil {
			c.fail("", err)
			return c, true
		}
		targets := j.targets(pid, mounts, &c)
		switch {
		case config.DryRun:
			for _, t := range targets {
				c.Replaced = append(c.Replaced, t.path)
			}
		case len(targets) > 0:
			v.attach(config.Proc, &c, j)
		}
		return c, true
	}
	return c, false
}
