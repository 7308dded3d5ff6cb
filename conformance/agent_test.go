package conformance

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/rpc"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/podview/podview/daemon/paths"
	"golang.org/x/sys/unix"
)

// What makes this binary something else than the suite; see TestMain.
const (
	agentEnv = "PODVIEW_CHILD" // "SOCKET ID": be an agent, known as ID
	enterEnv = "PODVIEW_ENTER" // "PID": make an agent in PID's namespaces
)

// Agent does in a container what the suite asks for. Its exported methods
// are the protocol (net/rpc over a unix socket).
type Agent struct {
	address string
	mu      sync.Mutex
	held    [][]byte      // memory that is kept touched
	rest    chan struct{} // closed to end the busy loops
	answers atomic.Uint64 // Flood's
	readers []*enduringReader
}

// agentMain serves until the suite is gone, so that nothing outlives it.
func agentMain(address string) int {
	// A small cpu quota must not make the agent deaf while it burns.
	runtime.GOMAXPROCS(8)
	socket, id, _ := strings.Cut(address, " ")
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return agentFailed(err)
	}
	if _, err := fmt.Fprintln(conn, id); err != nil {
		return agentFailed(err)
	}
	server := rpc.NewServer()
	if err := server.Register(newAgent(socket)); err != nil {
		return agentFailed(err)
	}
	server.ServeConn(conn)
	return 0
}

func agentFailed(err error) int {
	fmt.Fprintln(os.Stderr, "conformance agent:", err)
	return 1
}

func newAgent(socket string) *Agent {
	return &Agent{address: socket, rest: make(chan struct{})}
}

// enterMain enters the namespaces of a process as nsenter and kubectl exec
// do, and starts an agent there. It needs a process of its own: a thread that
// changes its mount namespace is of no other use any more.
func enterMain(spec string) int {
	// In there /proc can't name this process, which is not in its namespace.
	cmd, err := agentCommand(os.Getenv(enteredEnv))
	if err != nil {
		return agentFailed(err)
	}
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return agentFailed(err)
	}
	var fds []int
	for _, ns := range []string{"pid", "mnt"} {
		fd, err := unix.Open(filepath.Join("/proc", spec, "ns", ns), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return agentFailed(err)
		}
		fds = append(fds, fd)
	}
	for _, fd := range fds {
		if err := unix.Setns(fd, 0); err != nil {
			return agentFailed(fmt.Errorf("entering %s: %w", spec, err))
		}
	}
	if err := cmd.Start(); err != nil {
		return agentFailed(err)
	}
	_ = cmd.Wait() // killed, at the test's end
	return 0
}

// enteredEnv is the agentEnv of the agent that enterMain starts.
const enteredEnv = "PODVIEW_ENTERED"

// agentCommand re-executes this binary as an agent.
func agentCommand(address string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self)
	cmd.Env = []string{agentEnv + "=" + address, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir()}
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	return cmd, nil
}

// Mount gives the agent's mount namespace a /proc of its own pid namespace
// and, unless view is empty, binds every emulated path of the tree at view
// over the kernel's. missing is what the kernel has and the tree has not.
func (a *Agent) Mount(view string, missing *[]string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mount / private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if view == "" {
		return nil
	}
	for _, p := range paths.All {
		if _, err := os.Lstat(p.Path); errors.Is(err, fs.ErrNotExist) {
			continue // not in this kernel
		}
		source := filepath.Join(view, p.Path)
		f, err := os.Open(source)
		if err != nil {
			*missing = append(*missing, p.Path)
			continue
		}
		_ = f.Close()
		if err := unix.Mount(source, p.Path, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("bind %s: %w", source, err)
		}
	}
	return nil
}

// Spawn starts another agent from this one, in the same namespaces and
// cgroup.
func (a *Agent) Spawn(id string, _ *struct{}) error {
	cmd, err := agentCommand(a.address + " " + id)
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }()
	return nil
}

// Output is how a program that Run ran ended.
type Output struct {
	Stdout, Stderr string
	Code           int
}

// Run runs a program in the container. A program that is not there is an
// error.
func (a *Agent) Run(argv []string, out *Output) error {
	var stdout, stderr strings.Builder
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TERM=dumb")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	*out = Output{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
	return nil
}

// containerFlags are the namespaces that make a container of an agent.
var containerFlags = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS}
