package conformance

import (
	"bufio"
	"fmt"
	"net"
	"net/rpc"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// container is a cgroup and an agent that is pid 1 in it.
type container struct {
	*process
	group   *group
	missing []string // emulated paths that the view has not
}

var containers atomic.Int32

// podPath is a new pod's cgroup, where the kubelet's cgroupfs driver puts it.
func podPath() string {
	return fmt.Sprintf("kubepods/burstable/pod%08d-4bbb-4de3-8dbf-3b8bbd5dc689", containers.Add(1))
}

// ctrName is a container's cgroup below its pod's: 64 hex digits.
func ctrName(digit string) string { return strings.Repeat(digit, 64) }

// startContainer makes a container of its own pod; the test's end removes it.
func startContainer(t testing.TB, l limits) *container {
	t.Helper()
	view := viewDir(t)
	return startIn(t, newGroup(t, podPath()+"/"+ctrName("c"), l), view)
}

// startIn makes a container in the cgroup g. Without a view it sees the
// kernel's own files.
func startIn(t testing.TB, g *group, view string) *container {
	t.Helper()
	c := &container{group: g, process: startAgent(t, true)}
	g.add(t, c.pid)
	c.call(t, "Mount", view, &c.missing)
	return c
}

// startAgent starts an agent from here: a container's init, or a process of
// the host.
func startAgent(t testing.TB, newNamespaces bool) *process {
	t.Helper()
	needRoot(t)
	address, arrive := expectAgent(t)
	cmd, err := agentCommand(address)
	if err != nil {
		t.Fatal(err)
	}
	if newNamespaces {
		cmd.SysProcAttr = containerFlags
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return arrive()
}

// spawn starts a process in the container from its init. in may be nil.
func (c *container) spawn(t testing.TB, in *group) *process {
	t.Helper()
	address, arrive := expectAgent(t)
	_, id, _ := strings.Cut(address, " ")
	c.call(t, "Spawn", id, &struct{}{})
	p := arrive()
	if in != nil {
		in.add(t, p.pid)
	}
	return p
}

// enter starts a process in the container from outside, as nsenter does; in
// is the cgroup it is put in, nil leaves it in the suite's own.
func (c *container) enter(t testing.TB, in *group) *process {
	t.Helper()
	address, arrive := expectAgent(t)
	cmd, err := agentCommand("")
	if err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(cmd.Env[1:], fmt.Sprintf("%s=%d", enterEnv, c.pid), enteredEnv+"="+address)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := arrive()
	t.Cleanup(func() {
		_ = unix.Kill(p.pid, unix.SIGKILL)
		_ = cmd.Wait()
	})
	if in != nil {
		in.add(t, p.pid)
	}
	return p
}

// hub is the socket that agents connect to. It is in the abstract namespace,
// which mount namespaces don't hide.
type hub struct {
	name   string
	mu     sync.Mutex
	wanted map[string]chan *process
	nextID int
}

var theHub = sync.OnceValues(func() (*hub, error) {
	h := &hub{name: "@" + topName(), wanted: map[string]chan *process{}}
	listener, err := net.Listen("unix", h.name)
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go h.greet(conn.(*net.UnixConn))
		}
	}()
	return h, nil
})

// greet learns who has connected: the id from its first line, the pid (as we
// see it, whatever namespace it is in) from the kernel.
func (h *hub) greet(conn *net.UnixConn) {
	id, err := bufio.NewReaderSize(conn, 16).ReadString('\n')
	if err != nil {
		conn.Close()
		return
	}
	var cred *unix.Ucred
	raw, err := conn.SyscallConn()
	if err == nil {
		_ = raw.Control(func(fd uintptr) { cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	arrived, ok := h.wanted[strings.TrimSpace(id)]
	if err != nil || !ok {
		conn.Close()
		return
	}
	arrived <- &process{conn: rpc.NewClient(conn), pid: int(cred.Pid)}
}

// expectAgent returns the address for a new agent, and a function that waits
// for it.
func expectAgent(t testing.TB) (address string, arrive func() *process) {
	t.Helper()
	h, err := theHub()
	if err != nil {
		t.Fatal(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.nextID++
	id := fmt.Sprint(h.nextID)
	arrived := make(chan *process, 1)
	h.wanted[id] = arrived
	return h.name + " " + id, func() *process {
		t.Helper()
		select {
		case p := <-arrived:
			t.Cleanup(func() { p.conn.Close() })
			return p
		case <-time.After(callTimeout):
			t.Fatal("no answer from a new agent")
			return nil
		}
	}
}
