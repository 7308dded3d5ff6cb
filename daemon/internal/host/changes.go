package host

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/klog/v2"
)

// Changes counts what is written to the files of cgroup hierarchies. While the
// count stays the same, so does what only a write changes: in which cgroup a
// process is, and what limits a cgroup.
//
// The kernel reports a write before write(2) returns (fsnotify_modify in
// fs/read_write.c), so who counts after that finds it. What was written, and
// where, does not matter: a node writes to its cgroups when containers come and
// go, and all limits are soon read again.
//
// Some changes are not reported: of a process that the kernel itself moves out
// of a v1 cpuset that lost its last CPU, or that a v1 cgroup's new name changes
// the place of; of a cgroup that was made anew under the name of another, if
// its first process was started in it (clone3(2)) and nobody has written to it;
// of CPUs that a cpuset gets back some moments after they came online; writes by
// io_submit(2). So the count also grows with time: who knows something for
// longer than sameAtMost has asked again.
type Changes struct {
	dirs []string // where the hierarchies are mounted

	used atomic.Bool // somebody has counted since the last Rest

	mu    sync.RWMutex
	group int  // fanotify's; noGroup while nobody counts, or it can't be had
	held  bool // the group stays
	err   error
	tried time.Time // to get the group
	count uint64
	since time.Time // of the present count
}

const (
	noGroup = -1

	sameAtMost = 10 * time.Second
	// tryAgain is how long a kernel that does not let us watch is left alone.
	// All is then taken for changed each time.
	tryAgain = time.Minute
)

// NewChanges takes the directories where the hierarchies are mounted.
func NewChanges(dirs []string) *Changes { return &Changes{dirs: dirs, group: noGroup} }

// Count tells whether anything was changed since an earlier Count: then it is
// another number. It is never 0.
func (c *Changes) Count() uint64 {
	now := time.Now()
	if !c.used.Load() { // readers at the same time need not write to it
		c.used.Store(true)
	}
	c.mu.RLock()
	count, same := c.count, c.group >= 0 && now.Sub(c.since) < sameAtMost && !isReadable(c.group)
	c.mu.RUnlock()
	if same {
		return count
	}
	return c.takeIn(now)
}

// takeIn reads some reports. Nobody can count between a report's being taken
// from the kernel and the count's growing; what is left in the kernel will make
// it grow again.
func (c *Changes) takeIn(now time.Time) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	changed := c.group < 0 || now.Sub(c.since) >= sameAtMost
	if c.group < 0 && !c.held && now.Sub(c.tried) >= tryAgain {
		c.watch(now)
	}
	if c.group >= 0 && takeReports(c.group) {
		changed = true
	}
	if changed {
		c.count++
		c.since = now
	}
	return c.count
}

// Reports tells why nothing is reported here; nil when changes are.
func (c *Changes) Reports() error {
	c.Count()
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.err
}

// Hold gets the reports now and for good, for a process that will not have the
// right to get them again (CAP_SYS_ADMIN).
func (c *Changes) Hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.group < 0 {
		c.watch(time.Now())
	}
	if c.held = true; c.group >= 0 {
		go c.takeInUnasked(c.group)
	}
}

// takeInUnasked takes in the reports that nobody counts. They would pile up,
// and each keeps a file, and the mount that it was written through. It sleeps as
// long as nothing is written, and a while after that.
func (c *Changes) takeInUnasked(group int) {
	for {
		fds := [1]unix.PollFd{{Fd: int32(group), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds[:], -1); err != nil && err != unix.EINTR {
			klog.ErrorS(err, "Reports of changes of cgroups pile up")
			return
		}
		for isReadable(group) {
			c.takeIn(time.Now())
		}
		time.Sleep(sameAtMost)
	}
}

// Rest ends the reports if nobody has counted since the Rest before: unread
// they would pile up.
func (c *Changes) Rest() {
	if c.used.Swap(false) {
		return
	}
	c.mu.Lock()
	group := noGroup
	if !c.held {
		group, c.group, c.tried = c.group, noGroup, time.Time{}
	}
	c.mu.Unlock()
	if group >= 0 {
		unix.Close(group) // takes some milliseconds; nobody else has it any more
	}
}

// Watched tells whether reports come in that a Rest may end.
func (c *Changes) Watched() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.group >= 0 && !c.held
}

// watch gets a group that reports on the whole of each hierarchy, whatever is
// mounted of it elsewhere, and in whatever namespace: Linux 4.20. It asks for
// files and not for their names, which the kernel can tell of cgroups only from
// 6.6 on, and then would also report files that change by themselves.
func (c *Changes) watch(now time.Time) {
	c.tried = now
	group, err := unix.FanotifyInit(unix.FAN_CLASS_NOTIF|unix.FAN_CLOEXEC|unix.FAN_NONBLOCK, unix.O_RDONLY|unix.O_CLOEXEC)
	if err != nil {
		err = fmt.Errorf("fanotify_init: %w", err)
	}
	for _, dir := range c.dirs {
		if err != nil {
			break
		}
		if !isCgroup(dir) { // others, as in tests, report more than we ask for
			err = errors.New("not a cgroup file system")
		} else {
			err = unix.FanotifyMark(group, unix.FAN_MARK_ADD|unix.FAN_MARK_FILESYSTEM, unix.FAN_MODIFY, unix.AT_FDCWD, dir)
		}
		if err != nil {
			unix.Close(group)
			err = fmt.Errorf("watching %s by fanotify: %w", dir, err)
		}
	}
	if err == nil {
		c.group = group
	} else if c.err == nil {
		klog.ErrorS(err, "Changes of cgroups are not reported; reads take longer")
	}
	c.err = err
}

func isCgroup(dir string) bool {
	var st unix.Statfs_t
	return unix.Statfs(dir, &st) == nil && (st.Type == unix.CGROUP_SUPER_MAGIC || st.Type == unix.CGROUP2_SUPER_MAGIC)
}

func isReadable(fd int) bool {
	fds := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds[:], 0)
	return n != 0 || err != nil // with an error, reading tells more
}

// takeReports takes at most a few from the group, and tells whether there were
// any. An error is one: of a file that is gone, or can't be opened for reading.
func takeReports(group int) bool {
	const few = 64
	var buf [few * unix.FAN_EVENT_METADATA_LEN]byte
	n, err := unix.Read(group, buf[:])
	if err != nil {
		return err != unix.EAGAIN
	}
	for reports := buf[:n]; len(reports) >= unix.FAN_EVENT_METADATA_LEN; reports = reports[unix.FAN_EVENT_METADATA_LEN:] {
		const fdAt = 16 // struct fanotify_event_metadata
		if fd := int32(binary.NativeEndian.Uint32(reports[fdAt:])); fd >= 0 {
			unix.Close(int(fd)) // FAN_NOFD: reports were lost
		}
	}
	return true
}
