package demo

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"github.com/podview/podview/daemon/internal/timens"
)

// container is the command's process, from demo-init on. Its pid is 1 in its
// own pid namespace: when it ends, the kernel kills all others there.
type container struct {
	cmd  *exec.Cmd
	gate *os.File // demo-init waits for a byte here
}

// runContainer runs command in g, with the view's files over the kernel's, to
// its end. It returns the exit code.
func runContainer(view string, command []string, g *group, signals <-chan os.Signal) (int, error) {
	ctr, err := startInit(view, command)
	if err != nil {
		return 0, err
	}
	exited := make(chan struct{})
	go func() {
		_ = ctr.cmd.Wait() // cmd.ProcessState has it
		close(exited)
	}()
	if err := ctr.enter(g); err != nil {
		_ = ctr.cmd.Process.Kill()
		<-exited
		return 0, err
	}
	var killedBy syscall.Signal
	for {
		select {
		case s := <-signals:
			if ctr.deliver(s.(syscall.Signal)) == killed {
				killedBy = s.(syscall.Signal)
			}
		case <-exited:
			if killedBy != 0 {
				return exitSignal + int(killedBy), nil
			}
			return exitCode(ctr.cmd.ProcessState.Sys().(syscall.WaitStatus)), nil
		}
	}
}

// startInit starts demo-init in new namespaces; it stops at the gate.
func startInit(view string, command []string) (*container, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	newCommand := func() *exec.Cmd {
		cmd := exec.Command("/proc/self/exe", append([]string{InitCommand, view}, command...)...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		cmd.ExtraFiles = []*os.File{read} // gateFD
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS,
			Pdeathsig:  syscall.SIGKILL,
		}
		return cmd
	}
	cmd := newCommand()
	// Where it can't be read, it is without.
	mountinfo, _ := os.ReadFile("/proc/self/mountinfo")
	if !shiftsTime(string(mountinfo), view) || !startInTime(cmd) {
		cmd = newCommand()
		err = cmd.Start()
	}
	if err != nil {
		write.Close()
		return nil, fmt.Errorf("new pid and mount namespaces: %w", err)
	}
	return &container{cmd: cmd, gate: write}, nil
}

// shiftsTime says whether the view at dir, by this mountinfo, knows time
// namespaces: it is podview's. lxcfs tells of the host's boot in one.
func shiftsTime(mountinfo, dir string) (yes bool) {
	for line := range strings.Lines(mountinfo) {
		if isMountpoint(line, dir) { // the last one is on top
			yes = strings.Contains(line, " - fuse.podview ")
		}
	}
	return yes
}

// startInTime starts cmd in a time namespace that begins now, so that uptime
// and the ages of processes agree. It is false where the kernel can't: it has
// none before Linux 5.6, and 6.1 lets no process into one that shares memory with
// its parent until it has called exec, as Go starts them.
func startInTime(cmd *exec.Cmd) bool {
	started := make(chan bool)
	go func() {
		// For good: the thread's other children would be in there too. It
		// stays, because the command is killed (Pdeathsig) when it ends.
		runtime.LockOSThread()
		now, err := timens.Now()
		if err == nil {
			err = timens.Enter(now)
		}
		if err == nil {
			err = cmd.Start()
		}
		if started <- err == nil; err == nil {
			select {}
		}
	}()
	return <-started
}

// enter puts demo-init into the cgroup and opens the gate. What demo-init has
// touched by then stays charged to our own cgroup, and is gone at its exec.
func (ctr *container) enter(g *group) error {
	defer ctr.gate.Close()
	if err := g.add(ctr.cmd.Process.Pid); err != nil {
		return fmt.Errorf("enter the cgroup: %w", err)
	}
	if _, err := ctr.gate.Write([]byte{0}); err != nil {
		return fmt.Errorf("start %s: %w", InitCommand, err)
	}
	return nil
}

// fate is what deliver did.
type fate int

const (
	killed fate = iota
	left
)

// deliver does for the command what sig would do to it if it were not process
// 1 of a pid namespace: the kernel drops signals that such a process has no
// handler for, even where the default is to die.
func (ctr *container) deliver(sig syscall.Signal) fate {
	pid := ctr.cmd.Process.Pid
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil || isSelf(pid) || defaultAction(string(status), sig) {
		_ = ctr.cmd.Process.Kill()
		return killed
	}
	// The others come from the terminal, which has sent them to the command
	// as well: it is in our process group.
	if sig == syscall.SIGTERM {
		_ = ctr.cmd.Process.Signal(sig)
	}
	return left
}

// isSelf says whether pid still is demo-init: the handlers that it has are
// the Go runtime's.
func isSelf(pid int) bool {
	own, err := os.Stat("/proc/self/exe")
	if err != nil {
		return false
	}
	its, err := os.Stat(fmt.Sprintf("/proc/%d/exe", pid))
	return err == nil && os.SameFile(own, its)
}

// defaultAction says whether the process of this /proc/PID/status neither
// catches nor ignores sig.
func defaultAction(status string, sig syscall.Signal) bool {
	for line := range strings.Lines(status) {
		name, mask, _ := strings.Cut(line, ":")
		if name != "SigCgt" && name != "SigIgn" {
			continue
		}
		// Bit n-1 is signal n.
		bits, err := strconv.ParseUint(strings.TrimSpace(mask), 16, 64)
		if err == nil && bits&(1<<(sig-1)) != 0 {
			return false
		}
	}
	return true
}

// exitCode is the shell's: the command's own, or 128 plus the signal.
func exitCode(status syscall.WaitStatus) int {
	if status.Signaled() {
		return exitSignal + int(status.Signal())
	}
	return status.ExitStatus()
}
