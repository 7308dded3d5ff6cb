// Package process runs the programs of the test cluster that are not pods.
package process

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Process is a running program with all that it started.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // of the program's end, once done is closed
}

// Start starts a command whose output goes to a new file.
func Start(cmd *exec.Cmd, log string) (*Process, error) {
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	// A group of its own: nsenter(1) does not pass signals on.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &Process{cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Err is nil while the program runs.
func (p *Process) Err() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s ended: %v", p.cmd, p.err)
	default:
		return nil
	}
}

// Signal is for the program and its children.
func (p *Process) Signal(s syscall.Signal) error { return syscall.Kill(-p.cmd.Process.Pid, s) }

// Stop returns when the program is gone: on SIGTERM, or after the grace on
// SIGKILL. A program that is gone already stays gone.
func (p *Process) Stop(grace time.Duration) {
	if p.Err() != nil {
		return
	}
	p.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(grace):
		p.Signal(syscall.SIGKILL)
		<-p.done
	}
}
