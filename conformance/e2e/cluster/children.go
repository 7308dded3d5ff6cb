package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// children are the processes of the init, which reaps them all: those that it
// started, and the shims that were left to it. So it cannot use exec.Cmd, whose
// Wait would find its process gone.
type children struct {
	logDir string
	env    []string

	mu    sync.Mutex
	ended map[int]func(syscall.WaitStatus)
}

func newChildren(logDir string, env []string) *children {
	c := &children{logDir: logDir, env: env, ended: map[int]func(syscall.WaitStatus){}}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGCHLD)
	go func() {
		for range signals {
			c.reap()
		}
	}()
	return c
}

func (c *children) reap() {
	for {
		var status syscall.WaitStatus
		c.mu.Lock()
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		tell := c.ended[pid]
		delete(c.ended, pid)
		c.mu.Unlock()
		if err == syscall.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		if tell != nil {
			tell(status)
		}
	}
}

// start starts a program whose output goes to NAME.log.
func (c *children) start(ended func(syscall.WaitStatus), program string, args ...string) error {
	path, err := exec.LookPath(program)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(c.logDir, filepath.Base(program)+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	p, err := os.StartProcess(path, append([]string{path}, args...), &os.ProcAttr{Env: c.env, Files: []*os.File{nil, log, log}})
	if err != nil {
		return err
	}
	c.ended[p.Pid] = ended
	return p.Release()
}

// serve starts a program that is expected to stay.
func (c *children) serve(program string, args ...string) error {
	return c.start(func(status syscall.WaitStatus) {
		fmt.Printf("%s ended: %s\n", program, describe(status))
	}, program, args...)
}

// keep starts a program, and again a second after each end of it, as systemd
// does with a container runtime.
func (c *children) keep(program string, args ...string) error {
	return c.start(func(status syscall.WaitStatus) {
		fmt.Printf("%s ended: %s; starting it again\n", program, describe(status))
		time.AfterFunc(time.Second, func() {
			if err := c.keep(program, args...); err != nil {
				fmt.Println(err)
			}
		})
	}, program, args...)
}

// run runs a program to its end.
func (c *children) run(program string, args ...string) error {
	ended := make(chan syscall.WaitStatus, 1)
	if err := c.start(func(s syscall.WaitStatus) { ended <- s }, program, args...); err != nil {
		return err
	}
	if status := <-ended; status != 0 {
		return fmt.Errorf("%s %q: %s, see %s", program, args, describe(status), c.logDir)
	}
	return nil
}

func describe(status syscall.WaitStatus) string {
	if status.Signaled() {
		return "signal " + status.Signal().String()
	}
	return fmt.Sprintf("exit status %d", status.ExitStatus())
}
