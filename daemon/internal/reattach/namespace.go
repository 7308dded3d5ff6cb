package reattach

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/mountinfo"
)

// host is what tells the host's own mounts from a container's. It comes from
// process 1's mountinfo, which may be read where its namespaces may not.
type host struct {
	proc, sys mountinfo.Mount // what is mounted on /proc and /sys; zero without
	mounts    int             // how many there are
}

func readHost(procfs string) (h host, err error) {
	mounts, err := mountinfo.Read(filepath.Join(procfs, "1", "mountinfo"))
	return host{proc: shown(mounts, "/proc"), sys: shown(mounts, "/sys"), mounts: len(mounts)}, err
}

// maxMounts are looked at in a container, besides as many as the host has,
// which it may have all.
const maxMounts = 10_000

// mounts are those that a process sees.
func (j *judge) mounts(procfs string, pid int) ([]mountinfo.Mount, error) {
	return mountinfo.ReadAtMost(fmt.Sprintf("%s/%d/mountinfo", procfs, pid), maxMounts+j.host.mounts)
}

// shown is the mount that a process finds at point, zero for none.
func shown(mounts []mountinfo.Mount, point string) mountinfo.Mount {
	there := mountinfo.At(mounts, point)
	if len(there) == 0 {
		return mountinfo.Mount{}
	}
	return there[len(there)-1]
}

// namespace is a mount namespace and its processes, in ascending order.
type namespace struct {
	inode uint64 // 0 if it may not be known
	pids  []int
}

// scan lists the mount namespaces of all processes but our own, those of the
// oldest processes first.
func scan(procfs string) ([]namespace, error) {
	own, err := mountNS(procfs, "self")
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(procfs)
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	var all []namespace
	at := map[uint64]int{}
	for _, pid := range pids {
		inode, err := mountNS(procfs, strconv.Itoa(pid))
		if gone(err) || inode == own { // a zombie has none any more
			continue
		}
		if err != nil && !errors.Is(err, fs.ErrPermission) {
			return nil, err
		}
		// One that a security module guards is looked at by itself, and
		// named if it turns out to need something.
		i, known := at[inode]
		if !known || inode == 0 {
			i = len(all)
			at[inode] = i
			all = append(all, namespace{inode: inode})
		}
		all[i].pids = append(all[i].pids, pid)
	}
	return all, nil
}

// mountNS is the inode number in the link "mnt:[4026531841]".
func mountNS(procfs, pid string) (uint64, error) {
	file := filepath.Join(procfs, pid, "ns", "mnt")
	link, err := os.Readlink(file)
	if err != nil {
		return 0, err
	}
	number, ok := strings.CutPrefix(link, "mnt:[")
	inode, err := strconv.ParseUint(strings.TrimSuffix(number, "]"), 10, 64)
	if !ok || err != nil {
		return 0, fmt.Errorf("%s leads to %q, not to mnt:[NUMBER]", file, link)
	}
	return inode, nil
}

// gone tells that a process has ended.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EINVAL)
}

// cgroupName is a process's cgroup, for people to read; "" if unknown.
func cgroupName(procfs string, pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("%s/%d/cgroup", procfs, pid))
	if err != nil {
		return ""
	}
	return cgroupPath(text)
}

// cgroupPath takes the path from /proc/PID/cgroup: of version 2 or, on a host
// that has its containers in version 1, of the memory controller.
func cgroupPath(text []byte) (path string) {
	for line := range bytes.Lines(text) {
		_, rest, _ := strings.Cut(strings.TrimSuffix(string(line), "\n"), ":")
		controllers, p, _ := strings.Cut(rest, ":")
		if slices.Contains(strings.Split(controllers, ","), "memory") {
			return p
		}
		if controllers == "" {
			path = p
		}
	}
	return path
}
