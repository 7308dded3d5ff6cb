package demo

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// It takes some milliseconds, but not on a machine that is busy.
	startTimeout = 30 * time.Second
	// loadTimeout is what --syscalls may take on top: the kernel checks the
	// programs.
	loadTimeout  = 55 * time.Second
	stopTimeout  = 30 * time.Second
	mountPoll    = 10 * time.Millisecond
	logTailBytes = 4096
)

// daemon is the demo's own "podview serve".
type daemon struct {
	tmp    string        // holds the log and the mountpoint
	view   string        // mountpoint
	calls  string        // --syscalls
	cmd    *exec.Cmd     // nil until started
	exited chan struct{} // closed once cmd has been waited for
}

// newDaemon makes a place for the mount; stop removes it.
func newDaemon(syscalls string) (*daemon, error) {
	tmp, err := os.MkdirTemp("", "podview-demo-")
	if err != nil {
		return nil, err
	}
	d := &daemon{tmp: tmp, view: filepath.Join(tmp, "view"), calls: syscalls}
	// mountinfo has no symlinks, and TMPDIR may be one.
	resolved, err := filepath.EvalSymlinks(tmp)
	if err == nil {
		d.tmp, d.view = resolved, filepath.Join(resolved, "view")
		err = os.Mkdir(d.view, 0o755)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(tmp))
	}
	return d, nil
}

// start runs the daemon and waits until its view is mounted.
func (d *daemon) start(signals <-chan os.Signal) error {
	log, err := os.Create(d.logFile())
	if err != nil {
		return err
	}
	defer log.Close() // the daemon has its own copy
	cmd := exec.Command("/proc/self/exe", "serve", "--mount", d.view, "--fail-open=false", "--syscalls="+d.calls)
	cmd.Stdout, cmd.Stderr = log, log
	// In a process group of its own, so that Ctrl-C goes to the command and
	// leaves it its view.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		return err
	}
	d.cmd, d.exited = cmd, make(chan struct{})
	go func() {
		_ = cmd.Wait() // cmd.ProcessState has it
		close(d.exited)
	}()
	return d.waitMounted(signals)
}

func (d *daemon) waitMounted(signals <-chan os.Signal) error {
	allowed := startTimeout
	if d.calls != "" {
		allowed += loadTimeout
	}
	timeout := time.After(allowed)
	poll := time.NewTicker(mountPoll)
	defer poll.Stop()
	for {
		select {
		case <-poll.C:
			if yes, err := mounted(d.view); yes || err != nil {
				return err
			}
		case <-d.exited:
			err := d.ended()
			d.cmd = nil // for stop: that is said
			return err
		case s := <-signals:
			return interrupted(s.(syscall.Signal))
		case <-timeout:
			return fmt.Errorf("podview serve has mounted nothing after %v%s", allowed, d.logTail())
		}
	}
}

// stop ends the daemon and removes what it leaves. A daemon that has ended by
// itself is an error, because the command then saw no more of its view.
func (d *daemon) stop() error {
	errDaemon := d.terminate()
	yes, err := mounted(d.view)
	if yes {
		err = unix.Unmount(d.view, unix.MNT_DETACH)
	}
	if err != nil {
		// Not with something mounted inside.
		return errors.Join(errDaemon, fmt.Errorf("left behind: %s: %w", d.view, err))
	}
	return errors.Join(errDaemon, os.RemoveAll(d.tmp))
}

func (d *daemon) terminate() error {
	if d.cmd == nil {
		return nil
	}
	select {
	case <-d.exited:
		return d.ended()
	default:
	}
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-d.exited:
		return nil
	case <-time.After(stopTimeout):
		// All of its group: it has a worker process.
		_ = syscall.Kill(-d.cmd.Process.Pid, syscall.SIGKILL)
		<-d.exited
		return fmt.Errorf("podview serve: killed, it was still there %v after SIGTERM%s", stopTimeout, d.logTail())
	}
}

// ended is the error of a daemon that has ended by itself.
func (d *daemon) ended() error {
	return fmt.Errorf("podview serve: %v%s", d.cmd.ProcessState, d.logTail())
}

func (d *daemon) logFile() string { return filepath.Join(d.tmp, "serve.log") }

// logTail is the end of the daemon's log, to be appended to an error.
func (d *daemon) logTail() string {
	log, err := os.ReadFile(d.logFile())
	if err != nil || len(log) == 0 {
		return ""
	}
	return "; its log:\n" + string(bytes.TrimSpace(log[max(0, len(log)-logTailBytes):]))
}

// mounted says whether something is mounted at dir. It does not ask dir
// itself, which would hang on a FUSE daemon that does.
func mounted(dir string) (bool, error) {
	mountinfo, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return false, err
	}
	return isMountpoint(string(mountinfo), dir), nil
}

// mountinfoEscapes is what the kernel escapes in paths (mangle in
// fs/proc_namespace.c).
var mountinfoEscapes = strings.NewReplacer(" ", `\040`, "\t", `\011`, "\n", `\012`, `\`, `\134`, "#", `\043`)

// isMountpoint looks dir up in the fifth column of mountinfo.
func isMountpoint(mountinfo, dir string) bool {
	escaped := mountinfoEscapes.Replace(dir)
	for line := range strings.Lines(mountinfo) {
		if fields := strings.Fields(line); len(fields) > 4 && fields[4] == escaped {
			return true
		}
	}
	return false
}
