package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/conformance/bench/cgroups"
	"github.com/podview/podview/conformance/bench/reader"
	"github.com/podview/podview/conformance/bench/report"
)

// server is one that runs, or the kernel, which has no process.
type server struct {
	name    string
	view    reader.View
	account *cgroups.Account // nil for the kernel
	cmd     *exec.Cmd
	logFile string
	exited  chan struct{} // closed after cmd.Wait
}

const readyTimeout = 15 * time.Second

// startServer starts one on a mountpoint of its own in dir, and waits until
// it serves all files.
func (b *bench) startServer(ctx context.Context, name, dir string) (*server, error) {
	s := &server{name: name, view: reader.View{Root: filepath.Join(dir, "root")}, logFile: filepath.Join(dir, "log")}
	for _, sub := range []string{"root/proc", "root/sys", "view"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, err
		}
	}
	if name == report.Native {
		return s, nil
	}
	s.view.Source = filepath.Join(dir, "view")
	if err := s.start(ctx, b); err != nil {
		return s, fmt.Errorf("%s: %w", name, err)
	}
	for deadline := time.Now().Add(readyTimeout); ; time.Sleep(10 * time.Millisecond) {
		err := s.ready(b.paths())
		if err == nil {
			return s, nil
		}
		select {
		case <-s.exited:
			return s, fmt.Errorf("%s: %v%s", name, s.cmd.ProcessState, s.logTail())
		case <-ctx.Done():
			return s, ctx.Err()
		default:
		}
		if time.Now().After(deadline) {
			return s, fmt.Errorf("%s is not ready after %v: %w%s", name, readyTimeout, err, s.logTail())
		}
	}
}

// start starts the process when it is counted.
func (s *server) start(ctx context.Context, b *bench) error {
	argv, err := b.command(s.name, s.view.Source)
	if err != nil {
		return err
	}
	if s.account, err = b.run.Account(s.name); err != nil {
		return err
	}
	log, err := os.Create(s.logFile)
	if err != nil {
		return err
	}
	defer log.Close()
	gate, open, err := os.Pipe()
	if err != nil {
		return err
	}
	defer gate.Close()
	defer open.Close()
	// Not to be killed when ctx ends: stop does that, in good order.
	cmd, err := selfCommand(context.WithoutCancel(ctx), append([]string{launchCommand}, argv...), gate)
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	s.cmd, s.exited = cmd, make(chan struct{})
	go func() {
		_ = cmd.Wait() // cmd.ProcessState has it
		close(s.exited)
	}()
	if err := s.account.Add(cmd.Process.Pid); err != nil {
		return err
	}
	_, err = open.Write([]byte{0})
	return err
}

// ready is nil when every file can be read where the server mounts.
func (s *server) ready(paths []string) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(s.view.Source, &fs); err != nil {
		return err
	}
	if fs.Type != unix.FUSE_SUPER_MAGIC {
		return errors.New("nothing is mounted")
	}
	for _, path := range paths {
		if text, err := os.ReadFile(filepath.Join(s.view.Source, path)); err != nil || len(text) == 0 {
			return fmt.Errorf("%s: %d bytes, %w", path, len(text), err)
		}
	}
	return nil
}

// alive is an error when the server has ended: it may be why something failed.
func (s *server) alive() error {
	if s.cmd == nil {
		return nil
	}
	select {
	case <-s.exited:
		return fmt.Errorf("%s ended by itself: %v%s", s.name, s.cmd.ProcessState, s.logTail())
	default:
		return nil
	}
}

func (s *server) logTail() string {
	const most = 2000
	text, _ := os.ReadFile(s.logFile)
	if len(text) == 0 {
		return ""
	}
	return "\n" + string(text[max(len(text)-most, 0):])
}

// serverStopTimeout: lxcfs -l takes up to 5 s.
const serverStopTimeout = 8 * time.Second

// stop ends the server and takes its mount off.
func (s *server) stop(run *cgroups.Run) error {
	if s == nil || s.name == report.Native {
		return nil
	}
	var problems error
	if s.cmd != nil {
		_ = s.cmd.Process.Signal(unix.SIGTERM)
		select {
		case <-s.exited:
		case <-time.After(serverStopTimeout):
			problems = fmt.Errorf("%s: still running %v after SIGTERM", s.name, serverStopTimeout)
		}
	}
	if err := unix.Unmount(s.view.Source, unix.MNT_DETACH); err != nil && err != unix.EINVAL { // EINVAL: not mounted
		problems = errors.Join(problems, fmt.Errorf("unmount %s: %w", s.view.Source, err))
	}
	return errors.Join(problems, run.RemoveAccount(s.name))
}
