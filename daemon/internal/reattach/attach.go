package reattach

import (
	"strconv"
	"time"
)

// Target is a container that is to have the view.
type Target struct {
	PID int // a process in it, as config.Proc numbers it
	// ID is part of the name of the process's cgroup, as container runtimes
	// make them: the proof that the pid is not somebody else's by now.
	ID string
	// Paths are the emulated paths to attach. The others are left alone,
	// whatever is there.
	Paths []string
}

// Attach gives one container the view: where Run would replace something, and
// where nothing is mounted, in a /proc or /sys of the container's own. What
// anybody else has mounted there, above or below, stays. A container that has
// ended, or that lacks nothing, is an empty report and no error; so is one
// that shares the host's mount namespace. The error is what keeps it from
// looking at any container, as with Run.
//
// It ends threads of this process, as Run does.
func Attach(config Config, target Target) (Container, error) {
	if len(target.Paths) == 0 {
		return Container{}, nil
	}
	v, err := openView(config.View)
	if err != nil {
		return Container{}, err
	}
	defer v.close() // attach has a copy
	host, err := readHost(config.Proc)
	if err != nil {
		return Container{}, err
	}
	inode, err := mountNS(config.Proc, strconv.Itoa(target.PID))
	if gone(err) {
		return Container{}, nil
	}
	if err != nil { // a security module guards it
		c := Container{PID: target.PID}
		c.fail("", err)
		return c, nil
	}
	own, err := mountNS(config.Proc, "self")
	if err != nil || own == inode {
		return Container{}, err
	}
	j := newJudge(host, v.dev, config.Proc)
	j.only, j.id = target.Paths, target.ID
	start := time.Now()
	c, there := repair(namespace{inode, []int{target.PID}}, j, v, config)
	if !there || len(c.Replaced)+len(c.Failures) == 0 {
		return Container{}, nil
	}
	c.Took = time.Since(start)
	return c, nil
}
