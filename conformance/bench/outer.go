package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/conformance/bench/cgroups"
	"github.com/podview/podview/conformance/bench/report"
)

// outer prints the table and writes the files. The bench itself is a process
// in a mount namespace of its own, so that no mount outlives it; when it has
// ended, however it did, everything in its cgroups is killed.
func outer(args []string, table io.Writer) error {
	c, err := parseConfig(args)
	if err != nil {
		return err
	}
	var result *report.Result
	if c.fromFile != "" {
		result, err = readResult(c.fromFile)
	} else {
		result, err = measure(args)
	}
	if err != nil {
		return err
	}
	_, err = io.WriteString(table, report.Table(result))
	return errors.Join(err, write(c, result))
}

func readResult(file string) (*report.Result, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	result := &report.Result{}
	if err := json.Unmarshal(text, result); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return result, nil
}

// write writes what was asked for.
func write(c config, result *report.Result) error {
	text, err := json.MarshalIndent(result, "", " ")
	if err != nil {
		return err
	}
	files := map[string]string{}
	if c.jsonFile != "" {
		files[c.jsonFile] = string(text) + "\n"
	}
	if c.docsDir != "" {
		notes, err := os.ReadFile(filepath.Join(c.docsDir, report.NotesFile))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		files[filepath.Join(c.docsDir, report.ResultFile)] = string(text) + "\n"
		files[filepath.Join(c.docsDir, report.DocumentFile)] = report.Document(result, string(notes))
		files[filepath.Join(c.docsDir, report.ChartFile)] = report.Chart(result)
	}
	for name, content := range files {
		err = errors.Join(err, os.WriteFile(name, []byte(content), 0o644))
	}
	return err
}

// stopTimeout is how long the bench may take to stop everything, when it is
// told to end. After that it is killed, and what it started with it.
const stopTimeout = 40 * time.Second

func measure(args []string) (*report.Result, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("needs root: it makes cgroups, namespaces and mounts")
	}
	machine, err := cgroups.Open()
	if err != nil {
		return nil, err
	}
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	defer stop()
	if err := machine.RemoveStale(); err != nil {
		return nil, fmt.Errorf("clean up after an earlier run: %w", err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	cmd, err := selfCommand(ctx, append([]string{innerCommand, strconv.Itoa(os.Getpid())}, args...), write)
	if err != nil {
		return nil, err
	}
	cmd.SysProcAttr.Cloneflags = unix.CLONE_NEWNS
	cmd.Cancel = func() error { return cmd.Process.Signal(unix.SIGTERM) }
	cmd.WaitDelay = stopTimeout
	err = cmd.Start()
	write.Close()
	if err != nil {
		return nil, fmt.Errorf("a mount namespace: %w", err)
	}
	result := &report.Result{}
	errResult := json.NewDecoder(read).Decode(result)
	errInner := cmd.Wait()
	errClean := machine.NewRun(os.Getpid()).Remove()
	if ctx.Err() != nil {
		errInner = errors.New("interrupted")
	} else if errInner == nil && errResult != nil {
		errInner = fmt.Errorf("no result: %w", errResult)
	}
	return result, errors.Join(errInner, errClean)
}

// selfCommand starts this program again; fd3 is its descriptor 3.
func selfCommand(ctx context.Context, args []string, fd3 *os.File) (*exec.Cmd, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	cmd.ExtraFiles = []*os.File{fd3}
	// In a group of its own, so that Ctrl-C leaves the cleaning up to the
	// outermost process; and gone when whoever started it is.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGKILL}
	return cmd, nil
}
