// Package process runs the programs of the test cluster that are not pods.
package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// ErrEnded is what Err's errors are.
var ErrEnded = errors.New("ended")

// Process is a running program with all that it started.
type Process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{}
	err  error // of the program's end, once done is closed
}

// Start starts a command whose output goes to a new file. The name is what
// errors call it.
func Start(name string, cmd *exec.Cmd, log string) (*Process, error) {
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
	p := &Process{name: name, cmd: cmd, done: make(chan struct{})}
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
		return fmt.Errorf("%s %w: %v", p.name, ErrEnded, p.err)
	default:
		return nil
	}
}

// signal is for the program and its children.
func (p *Process) signal(s syscall.Signal) error { return syscall.Kill(-p.cmd.Process.Pid, s) }

// Stop returns when the program and its children are gone: on SIGTERM, or after
// the grace on SIGKILL. A program that is gone already stays gone.
func (p *Process) Stop(grace time.Duration) {
	if p.Err() != nil {
		return
	}
	p.signal(syscall.SIGTERM)
	if !p.gone(grace) {
		p.signal(syscall.SIGKILL)
		p.gone(grace) // one that is left is a zombie
	}
	<-p.done
}

// gone waits until nobody is left.
func (p *Process) gone(patience time.Duration) bool {
	for end := time.Now().Add(patience); p.signal(0) == nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}
