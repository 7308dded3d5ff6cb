package nri

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/containerd/nri/pkg/api"
	"k8s.io/klog/v2"

	"github.com/podview/podview/daemon/internal/caller"
	"github.com/podview/podview/daemon/internal/timens"
)

// clockStart is when the clock of a container's time namespace began: when
// pid started, or now for 0.
type clockStart struct{ pid int }

// clock decides whether a container that is created with these namespaces can
// have a time namespace.
//
// One that is in another's pid namespace (a pod's shareProcessNamespace, a
// debugging container) sees processes that are older than itself. Their start
// times would be before 0, which the kernel prints as numbers of 20 digits, so
// that its clock starts with the first of them. In the host's pid namespace
// (hostPID) all of the node's processes are older.
func clock(namespaces []*api.LinuxNamespace) (start clockStart, ok bool) {
	for _, n := range namespaces {
		switch n.GetType() {
		case "time": // its own, or another plugin's
			return clockStart{}, false
		case "pid":
			if ok = n.GetPath() == ""; !ok {
				start.pid, ok = pidOfNamespace(n.GetPath())
			}
			if !ok {
				return clockStart{}, false
			}
		}
	}
	return start, ok
}

// pidOfNamespace reads /proc/PID/ns/pid.
func pidOfNamespace(path string) (pid int, ok bool) {
	rest, isProc := strings.CutPrefix(path, "/proc/")
	number, isPID := strings.CutSuffix(rest, "/ns/pid")
	pid, err := strconv.Atoi(number)
	return pid, isProc && isPID && err == nil && pid > 0
}

// clocks are what makes time namespaces.
type clocks struct {
	now   func() (nsec uint64, err error)        // CLOCK_BOOTTIME
	start func(pid int) (nsec uint64, err error) // a process's
	// hosts tells whether a process is in the host's pid namespace: with
	// hostPID containerd names the namespace of the pod's pause container,
	// which is that.
	hosts func(pid int) (bool, error)
	// make makes a namespace, and keeps it until it is closed.
	make func(startNsec uint64) (*os.File, error)
}

// timeNamespaces makes one for each container, and keeps it until the
// container has joined it. The runtime joins it by /proc/PID/fd/N of this
// process; if this one dies meanwhile, the runtime fails to create that
// container, and the kubelet tries again.
//
// Runtimes that know no time namespaces (runc before 1.2) refuse the
// container. So until a runtime handler has started one, a container that did
// not start gets none when it is tried again; if it starts then, no container
// of this handler gets one any more.
type timeNamespaces struct {
	clocks
	pid int // this process's, as the runtime numbers it

	mutex sync.Mutex
	// tries has the last one of each container, by name, oldest first.
	tries  []*try
	proven map[runtimeKind]bool // can join one, or not
}

// newTimeNamespaces returns nil where the kernel makes none.
func newTimeNamespaces(procfs string) *timeNamespaces {
	now, err := timens.Now()
	if err == nil {
		var file *os.File
		if file, err = timens.Make(now); err == nil {
			file.Close()
		}
	}
	if err != nil {
		klog.ErrorS(err, "No time namespace can be made; containers start without")
		return nil
	}
	return &timeNamespaces{
		clocks: clocks{timens.Now, startOf(procfs), isHosts(procfs), timens.Make},
		pid:    os.Getpid(), proven: map[runtimeKind]bool{},
	}
}

// startOf tells when a process started, by CLOCK_BOOTTIME.
func startOf(procfs string) func(pid int) (nsec uint64, err error) {
	return func(pid int) (uint64, error) {
		const nsecPerTick = 1e9 / 100 // USER_HZ
		stat, err := caller.ReadStat(procfs, pid)
		return stat.StartTicks * nsecPerTick, err
	}
}

func isHosts(procfs string) func(pid int) (bool, error) {
	return func(pid int) (bool, error) {
		theirs, err := os.Readlink(fmt.Sprintf("%s/%d/ns/pid", procfs, pid))
		if err != nil {
			return false, err
		}
		hosts, err := os.Readlink(procfs + "/1/ns/pid")
		return theirs == hosts, err
	}
}

// maxTries bounds the descriptors that are open. Pods that were not yet
// removed, or whose container is yet to start, are no more on most nodes; the
// oldest is forgotten, and its namespace closed.
const maxTries = 512

// runtimeKind is what may or may not be able to join a time namespace.
type runtimeKind struct {
	handler string
	users   bool // in a user namespace
}

// try is a container that was created.
type try struct {
	pod, name, id string
	kind          runtimeKind
	file          *os.File // nil when it has none, or has joined it
	// again: given none, because the one before it has not started.
	again   bool
	started bool
}

// create returns the path of a new namespace for a container, "" for none.
func (t *timeNamespaces) create(pod *api.PodSandbox, c *api.Container) (string, error) {
	start, ok := clock(c.GetLinux().GetNamespaces())
	if !ok {
		return "", nil
	}
	if start.pid != 0 {
		if hosts, err := t.hosts(start.pid); err != nil || hosts {
			return "", err
		}
	}
	this := &try{pod: pod.GetId(), name: c.GetName(), id: c.GetId(), kind: kindOf(pod, c)}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	last := t.forget(func(old *try) bool { return old.pod == this.pod && old.name == this.name })
	can, known := t.proven[this.kind]
	if known && !can {
		return "", nil
	}
	this.again = !known && last != nil && !last.started
	if !this.again {
		file, err := t.begin(start)
		if err != nil {
			return "", err
		}
		this.file = file
	}
	if t.tries = append(t.tries, this); len(t.tries) > maxTries {
		oldest := t.tries[0]
		t.forget(func(old *try) bool { return old == oldest })
	}
	if this.file == nil {
		return "", nil
	}
	return fmt.Sprintf("/proc/%d/fd/%d", t.pid, this.file.Fd()), nil
}

func kindOf(pod *api.PodSandbox, c *api.Container) runtimeKind {
	users := slices.ContainsFunc(c.GetLinux().GetNamespaces(), func(n *api.LinuxNamespace) bool { return n.GetType() == "user" })
	return runtimeKind{pod.GetRuntimeHandler(), users}
}

func (t *timeNamespaces) begin(start clockStart) (*os.File, error) {
	nsec, err := t.now()
	if err == nil && start.pid != 0 {
		nsec, err = t.start(start.pid)
	}
	if err != nil {
		return nil, err
	}
	return t.make(nsec)
}

// started: the container is in its namespace, and the runtime's kind proven.
func (t *timeNamespaces) started(id string) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	i := slices.IndexFunc(t.tries, func(try *try) bool { return try.id == id })
	if i < 0 {
		return
	}
	try := t.tries[i]
	try.started = true
	try.close()
	if _, known := t.proven[try.kind]; known {
		return
	}
	if t.proven[try.kind] = !try.again; try.again {
		klog.InfoS("A container that did not start in a time namespace has started without; no more of them for this runtime",
			"runtime handler", try.kind.handler, "user namespace", try.kind.users, "container", try.name)
	}
}

// removed: nobody joins the container's namespace any more. That it was tried
// is remembered until the pod is removed.
func (t *timeNamespaces) removed(id string) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	for _, try := range t.tries {
		if try.id == id {
			try.close()
		}
	}
}

func (t *timeNamespaces) podRemoved(pod string) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.forget(func(try *try) bool { return try.pod == pod })
}

// forget drops tries, and returns the last one.
func (t *timeNamespaces) forget(which func(*try) bool) (last *try) {
	t.tries = slices.DeleteFunc(t.tries, func(try *try) bool {
		if !which(try) {
			return false
		}
		try.close()
		last = try
		return true
	})
	return last
}

func (t *try) close() {
	if t.file != nil {
		t.file.Close()
		t.file = nil
	}
}
