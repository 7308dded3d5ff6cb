package host

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Changes counts what is done to cgroup hierarchies: each write to a file,
// and each cgroup that is made, removed or renamed. While the count stays the
// same, so does what only these can change: the cgroup of a process, and what
// limits a cgroup.
//
// The kernel reports a write before write(2) returns (fsnotify_modify in
// fs/read_write.c), so who counts after that finds it. A report tells no more
// than that something changed: a node writes to its cgroups when containers
// come and go, and some hundred reads of limits are soon made up for.
//
// Not reported is v1's cpuset that lost its last CPU, whose processes the
// kernel itself moves to the parent. So the count also grows with time, by one
// in a second.
type Changes struct {
	dirs []string // where the hierarchies are mounted

	mu    sync.RWMutex
	group int   // fanotify's; closed while nobody counts
	err   error // why it reports nothing
	count uint64
	since time.Duration // of the present count
	buf   []byte
}

const (
	noGroup = -1
	// unwatched: the kernel reports nothing (before Linux 5.1), or we may not
	// ask it. Then all is taken for changed each time.
	unwatched = -2

	sameAtMost = time.Second
)

// NewChanges takes the directories where the hierarchies are mounted.
func NewChanges(dirs []string) *Changes { return &Changes{dirs: dirs, group: noGroup} }

// Count tells whether anything was changed since an earlier Count: then it is
// another number. It is never 0.
func (c *Changes) Count() uint64 {
	c.mu.RLock()
	count, same := c.count, c.group >= 0 && time.Since(started)-c.since < sameAtMost && !isReadable(c.group)
	c.mu.RUnlock()
	if same {
		return count
	}
	return c.takeIn()
}

// Reports tells why nothing is reported here; nil when changes are.
func (c *Changes) Reports() error {
	c.Count()
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.err
}

// Rest ends the reports, until the next Count: unread they would pile up.
func (c *Changes) Rest() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.group >= 0 {
		unix.Close(c.group)
		c.group = noGroup
	}
}

// takeIn reads all reports. Nobody can count between a report's being taken
// from the kernel and the count's growing.
func (c *Changes) takeIn() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	changed := c.group < 0 || time.Since(started)-c.since >= sameAtMost
	if c.group == noGroup {
		c.buf = make([]byte, 16<<10)
		if c.group, c.err = watch(c.dirs); c.err != nil {
			c.group = unwatched
		}
	}
	for c.group >= 0 {
		n, err := unix.Read(c.group, c.buf)
		if err == unix.EINTR {
			continue
		}
		if err == unix.EAGAIN {
			break
		}
		if err != nil || n == 0 {
			unix.Close(c.group)
			c.group, c.err, changed = unwatched, fmt.Errorf("reading fanotify's reports: %w", err), true
			break
		}
		changed = changed || hasChange(c.buf[:n])
	}
	if changed {
		c.count++
		c.since = time.Since(started)
	}
	return c.count
}

// watch returns a group of fanotify that reports on the whole of each
// hierarchy, whatever is mounted of it elsewhere, and in whatever namespace.
func watch(dirs []string) (group int, err error) {
	const done = unix.FAN_MODIFY | unix.FAN_CREATE | unix.FAN_DELETE | unix.FAN_MOVED_FROM | unix.FAN_MOVED_TO | unix.FAN_ONDIR
	const flags = unix.FAN_CLASS_NOTIF | unix.FAN_CLOEXEC | unix.FAN_NONBLOCK
	for _, names := range []uint{unix.FAN_REPORT_DFID_NAME, unix.FAN_REPORT_FID} { // Linux 5.9, 5.1
		if group, err = unix.FanotifyInit(flags|names, unix.O_RDONLY); err == nil {
			break
		}
	}
	if err != nil {
		return 0, fmt.Errorf("fanotify_init: %w", err)
	}
	for _, dir := range dirs {
		if !isCgroup(dir) { // others, as in tests, report more than we ask for
			err = errors.New("not a cgroup file system")
		} else {
			err = unix.FanotifyMark(group, unix.FAN_MARK_ADD|unix.FAN_MARK_FILESYSTEM, done, unix.AT_FDCWD, dir)
		}
		if err != nil {
			unix.Close(group)
			return 0, fmt.Errorf("watching %s by fanotify: %w", dir, err)
		}
	}
	return group, nil
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

// hasChange looks for a report of anything but an event file of cgroup2
// (memory.events, cgroup.events): the kernel reports those as written when
// their text changes, up to a hundred times a second in a container at its
// limit.
func hasChange(reports []byte) bool {
	for len(reports) >= unix.FAN_EVENT_METADATA_LEN {
		length := int(binary.NativeEndian.Uint32(reports)) // struct fanotify_event_metadata
		if length < unix.FAN_EVENT_METADATA_LEN || length > len(reports) {
			return true
		}
		name := reportedName(reports[unix.FAN_EVENT_METADATA_LEN:length])
		if !bytes.HasSuffix(name, []byte(".events")) && !bytes.HasSuffix(name, []byte(".events.local")) {
			return true
		}
		reports = reports[length:]
	}
	return len(reports) > 0
}

// reportedName is the file's name in a report's struct
// fanotify_event_info_fid; nothing where the kernel doesn't tell, or the
// report is that reports were lost.
func reportedName(info []byte) []byte {
	const typeAt, handleBytesAt, handleAt = 0, 12, 20 // info_type, fsid, struct file_handle
	if len(info) < handleAt || info[typeAt] != unix.FAN_EVENT_INFO_TYPE_DFID_NAME {
		return nil
	}
	handleBytes := int64(binary.NativeEndian.Uint32(info[handleBytesAt:]))
	if handleBytes > int64(len(info)-handleAt) {
		return nil
	}
	name, _, _ := bytes.Cut(info[handleAt+handleBytes:], []byte{0})
	return name
}
