package demo

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/paths"
)

const (
	// InitCommand is the hidden subcommand that runs Init.
	InitCommand = "demo-init"
	gateFD      = 3 // the first of ExtraFiles
)

// Init runs "podview demo-init VIEW COMMAND [ARG...]", which Main starts in
// new namespaces. It becomes COMMAND, or returns the exit code.
func Init(args []string) int {
	if os.Getpid() != 1 || len(args) < 2 {
		// Anywhere else it would mount over the host's /proc.
		complain(errors.New(InitCommand + " is for podview demo to start, in a new pid namespace"))
		return exitFailed
	}
	gate := os.NewFile(gateFD, "gate")
	if _, err := io.ReadFull(gate, make([]byte, 1)); err != nil {
		return exitFailed // podview demo has failed, and said why
	}
	gate.Close()
	view, command := args[0], args[1:]
	if err := mountView(view); err != nil {
		complain(err)
		return exitFailed
	}
	err := become(command)
	complain(err)
	return becomeCode(err)
}

// mountView turns this mount namespace into the container's.
func mountView(view string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the mounts private: %w", err)
	}
	const harmless = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	if err := unix.Mount("proc", "/proc", "proc", harmless, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	all, err := binds(view, "/", paths.All)
	if err != nil {
		return err
	}
	for _, b := range all {
		if err := unix.Mount(b.source, b.target, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("bind %s to %s: %w", b.source, b.target, err)
		}
		// Best effort: the tree itself refuses writes.
		_ = unix.Mount("", b.target, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|harmless, "")
	}
	return nil
}

type bind struct{ source, target string }

// binds pairs each of all in view with its place under root. It leaves out
// what the view does not have (lxcfs has less than podview), and what the
// kernel does not (/proc/pressure without CONFIG_PSI).
func binds(view, root string, all []paths.Path) ([]bind, error) {
	var found []bind
	for _, p := range all {
		b := bind{source: filepath.Join(view, p.Path), target: filepath.Join(root, p.Path)}
		_, err := os.Stat(b.source)
		if err == nil {
			_, err = os.Stat(b.target)
		}
		switch {
		case err == nil:
			found = append(found, b)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	return found, nil
}

// become replaces this process; it returns only with an error.
func become(command []string) error {
	path, err := exec.LookPath(command[0])
	if err != nil && !errors.Is(err, exec.ErrDot) { // "." in PATH is the user's choice
		return err
	}
	if err := syscall.Exec(path, command, os.Environ()); err != nil {
		return &fs.PathError{Op: "exec", Path: path, Err: err}
	}
	return nil
}

// becomeCode is the exit code for an error of become.
func becomeCode(err error) int {
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return exitNotFound
	}
	return exitNotExecutable
}
