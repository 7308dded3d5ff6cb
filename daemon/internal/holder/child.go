package holder

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/klog/v2"
)

// AliveFD is what a Child reads the end of when the holder has ended. What
// its Files hold follows.
const AliveFD = 3

// Child is a process beside the worker, kept running; its death costs
// nothing. It is this program again.
type Child struct {
	Arguments []string
	Files     []*os.File
	// Outlives is for one that has to see what the holder leaves: it is not
	// killed with it.
	Outlives bool
	// OOMScore is as in Holder.
	OOMScore string
	// Finishes is for one that may get done: exit code 0 is no death.
	Finishes bool
	// Budget is how long it may run; 0 is for ever.
	Budget time.Duration
}

const (
	// A Child that dies at once is not started again at once.
	firstChildPause = time.Second
	maxChildPause   = 30 * time.Second
	// deathPatience is for a killed process to end. One that waits for an
	// answer from the view may end after the view only.
	deathPatience = time.Second
)

// Once runs it to its end, or ctx's. nil is for exit code 0.
func (c *Child) Once(ctx context.Context) error {
	// See Holder.Run.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	alive, ours, err := os.Pipe()
	if err != nil {
		return err
	}
	defer alive.Close()
	defer ours.Close()
	return c.once(ctx, alive)
}

// Run keeps it running until ctx ends; then none is left.
func (c *Child) Run(ctx context.Context) {
	// See Holder.Run.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	alive, ours, err := os.Pipe()
	if err != nil {
		klog.ErrorS(err, "Not started", "command", c.Arguments[0])
		return
	}
	defer alive.Close()
	defer ours.Close()
	pause := firstChildPause
	for {
		started := time.Now()
		err := c.once(ctx, alive)
		if ctx.Err() != nil || c.Finishes && err == nil {
			return
		}
		if time.Since(started) > healthy {
			pause = firstChildPause
		}
		klog.ErrorS(err, "A process of podview ended; starting another", "command", c.Arguments[0], "pause", pause)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, maxChildPause)
	}
}

// once runs it to its end.
func (c *Child) once(ctx context.Context, alive *os.File) error {
	cmd := again(c.Arguments)
	cmd.ExtraFiles = append([]*os.File{alive}, c.Files...)
	if c.Outlives {
		cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	}
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1") // others may keep it busy, but not all CPUs
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start podview %s: %w", c.Arguments[0], err)
	}
	setOOMScore(cmd.Process.Pid, c.OOMScore)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var over <-chan time.Time
	if c.Budget > 0 {
		timer := time.NewTimer(c.Budget)
		defer timer.Stop()
		over = timer.C
	}
	for {
		select {
		case err := <-ended:
			return err
		case <-over: // and no other before this one has ended
			klog.ErrorS(nil, "A process of podview takes too long; killing it", "command", c.Arguments[0], "pid", cmd.Process.Pid, "budget", c.Budget)
			_ = cmd.Process.Kill()
		case <-ctx.Done():
			_ = cmd.Process.Kill() // it holds nothing
			select {
			case <-ended:
			case <-time.After(deathPatience):
				klog.ErrorS(nil, "A process of podview does not die", "command", c.Arguments[0], "pid", cmd.Process.Pid)
			}
			return ctx.Err()
		}
	}
}

// again is this program, with other arguments. It dies with the thread that
// starts it.
func again(arguments []string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", arguments...)
	cmd.Args[0] = os.Args[0] // for ps
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	// A group of its own: Ctrl-C is for the holder to act on.
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL, Setpgid: true}
	return cmd
}
