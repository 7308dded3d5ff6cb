package caller

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// pidNamespace is the identity of a process's pid namespace ("pid:[4026531836]").
func pidNamespace(proc, pid string) (string, error) {
	return os.Readlink(filepath.Join(proc, pid, "ns/pid"))
}

// namespace is a pid namespace: the host's, or another by its init.
type namespace struct {
	host bool
	init int // as our own namespace numbers it
}

// enter fills p's namespace, and its pid inside where the kernel tells both at
// once.
func (r *Resolver) enter(p *process, tid int) error {
	file := filepath.Join(r.proc, strconv.Itoa(tid), "ns/pid")
	if told, err := namespaceByIoctl(file, tid); err == nil {
		p.namespace, p.pidInside = &namespace{told.inode == r.hostInode, told.init}, told.pidInside
		return nil
	}
	ns, err := pidNamespace(r.proc, strconv.Itoa(tid))
	if err != nil {
		return err
	}
	if ns == r.hostNS {
		p.namespace = &namespace{host: true}
		return nil
	}
	init, err := r.initOf(tid, ns)
	if err != nil {
		return err
	}
	p.namespace = &namespace{init: init}
	return nil
}

// initOf finds pid 1 of the pid namespace ns, which tid is in, on kernels that
// cannot tell; as our own namespace numbers it.
func (r *Resolver) initOf(tid int, ns string) (int, error) {
	if pid, ok := r.inits.get(r.proc, ns); ok {
		return pid, nil
	}
	pid, err := initByParents(r.proc, tid, ns)
	if err != nil {
		pid, err = initByScan(r.proc, ns)
	}
	if err != nil {
		return 0, err
	}
	stat, err := ReadStat(r.proc, pid)
	if err != nil {
		return 0, err
	}
	r.inits.put(ns, knownInit{pid, stat.StartTicks})
	return pid, nil
}

// told is what a kernel says of a thread's pid namespace.
type told struct {
	inode     uint64 // the namespace's identity
	init      int    // as our own namespace numbers it
	pidInside int    // the thread, as its own namespace does
}

// namespaceByIoctl asks the kernel; Linux 6.11 and later can tell.
func namespaceByIoctl(nsFile string, tid int) (told, error) {
	fd, err := unix.Open(nsFile, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return told{}, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return told{}, err
	}
	const pid1 = 1
	init, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.NS_GET_PID_FROM_PIDNS, pid1)
	if errno != 0 {
		return told{}, errno
	}
	inside, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.NS_GET_PID_IN_PIDNS, uintptr(tid))
	if errno != 0 {
		return told{}, errno
	}
	return told{st.Ino, int(init), int(inside)}, nil
}

// initByParents climbs from tid to its namespace's init. That fails for a
// process that was put into the namespace from outside (kubectl exec): its
// parents are outside too.
func initByParents(proc string, tid int, ns string) (int, error) {
	for pid := tid; pid > 0; {
		status, err := readStatus(proc, pid)
		if err != nil {
			return 0, err
		}
		if status.pidInside == 1 {
			return pid, nil
		}
		if status.tgid != pid { // a thread; its leader is the process
			pid = status.tgid
			continue
		}
		parent, err := pidNamespace(proc, strconv.Itoa(status.ppid))
		if err != nil || parent != ns {
			break
		}
		pid = status.ppid
	}
	return 0, fmt.Errorf("pid 1 of %s is not a parent of %d", ns, tid)
}

func initByScan(proc, ns string) (int, error) {
	dir, err := os.Open(proc)
	if err != nil {
		return 0, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if in, err := pidNamespace(proc, name); err != nil || in != ns {
			continue
		}
		if status, err := readStatus(proc, pid); err == nil && status.pidInside == 1 {
			return pid, nil
		}
	}
	return 0, fmt.Errorf("no process is pid 1 of %s", ns)
}

// initCache spares old kernels the search. An entry is trusted only while
// the same process (pid and start time) is still there: pids are reused.
type initCache struct {
	mu   sync.Mutex
	pids map[string]knownInit
}

type knownInit struct {
	pid        int
	startTicks uint64
}

// maxInits bounds the cache; it is emptied when full, which costs a search.
const maxInits = 4096

func (c *initCache) get(proc, ns string) (int, bool) {
	c.mu.Lock()
	known, ok := c.pids[ns]
	c.mu.Unlock()
	if !ok {
		return 0, false
	}
	stat, err := ReadStat(proc, known.pid)
	if err != nil || stat.StartTicks != known.startTicks {
		return 0, false
	}
	return known.pid, true
}

func (c *initCache) put(ns string, known knownInit) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.pids) >= maxInits {
		clear(c.pids)
	}
	c.pids[ns] = known
}
