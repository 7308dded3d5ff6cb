// Package demo is "podview demo": a command in a cgroup and namespaces of its
// own, with podview's view of them, on a machine without Kubernetes.
//
// Two processes play a part besides the command: this one, which makes the
// cgroup and cleans up, and "podview demo-init", which it starts inside the
// new namespaces and which becomes the command (Init).
package demo

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/podview/podview/daemon/internal/syscallview"
)

// Exit codes, as those of docker run and env(1).
const (
	exitUsage         = 2
	exitFailed        = 125
	exitNotExecutable = 126
	exitNotFound      = 127
	exitSignal        = 128 // plus the signal's number
)

// Main runs "podview demo" with the arguments after "demo", and returns the
// exit code.
func Main(args []string) int {
	c, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Print(usageText)
		return 0
	}
	if err != nil {
		complain(err)
		return exitUsage
	}
	code, err := run(c)
	if err == nil {
		return code
	}
	complain(err)
	var signal interrupted
	switch {
	case errors.As(err, &signal):
		return exitSignal + int(signal)
	case code == 0:
		return exitFailed
	}
	return code
}

func complain(err error) { fmt.Fprintf(os.Stderr, "podview demo: %v\n", err) }

// interrupted is the signal that ended the demo before the command ran.
type interrupted syscall.Signal

func (s interrupted) Error() string { return syscall.Signal(s).String() }

// run returns the command's exit code. It leaves nothing behind, unless the
// error says so.
func run(c config) (int, error) {
	if os.Geteuid() != 0 {
		return 0, errors.New("needs root, to make cgroups and mounts")
	}
	// Pdeathsig is sent when the thread that forked ends (prctl(2)), and Go
	// ends threads at will unless they are locked.
	runtime.LockOSThread()
	signals := make(chan os.Signal, 8)
	watch(signals)
	if c.viewDir != "" {
		return runIn(c.viewDir, c, signals)
	}
	if c.syscalls != "" {
		if err := syscallview.Fit(); err != nil {
			complain(fmt.Errorf("--syscalls is off, system calls tell the host's figures: %w", err))
		}
	}
	d, err := newDaemon(c.syscalls)
	if err != nil {
		return 0, err
	}
	var code int
	if err = d.start(signals); err == nil {
		code, err = runIn(d.view, c, signals)
	}
	return code, errors.Join(err, d.stop())
}

func runIn(view string, c config, signals <-chan os.Signal) (int, error) {
	view, err := checkView(view)
	if err != nil {
		return 0, err
	}
	g, err := newGroup(fmt.Sprintf("podview-demo-%d", os.Getpid()), c)
	if err != nil {
		return 0, fmt.Errorf("make the cgroup: %w", err)
	}
	code, err := runContainer(view, c.command, g, signals)
	return code, errors.Join(err, g.remove())
}

// watch catches what would otherwise end the demo without cleaning up. What
// is ignored stays so: nohup and background jobs rely on that.
func watch(signals chan<- os.Signal) {
	for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM} {
		if !signal.Ignored(s) {
			signal.Notify(signals, s)
		}
	}
}

// checkView returns dir as an absolute path. It is an error if no tree is
// mounted there: podview leaves symlinks to the host's files under its
// mountpoint.
func checkView(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	meminfo := filepath.Join(dir, "proc/meminfo")
	info, err := os.Lstat(meminfo)
	if err != nil {
		return "", fmt.Errorf("no view is mounted at %s: %w", dir, err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("no view is mounted at %s: %s is not a file but %s", dir, meminfo, info.Mode().Type())
	}
	return dir, nil
}
