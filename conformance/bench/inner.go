package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/conformance/bench/cgroups"
	"github.com/podview/podview/conformance/bench/report"
)

const (
	// workDir is on a file system that only this mount namespace has.
	workDir  = "/run/podview-bench"
	resultFD = 3
)

// bench is one run, in its mount namespace.
type bench struct {
	config
	run    *cgroups.Run
	result report.Result
	phases int // so far
}

func inner(outerPID string, args []string) error {
	pid, err := strconv.Atoi(outerPID)
	if err != nil || pid != os.Getppid() {
		return errors.New(innerCommand + " is for the bench itself to start")
	}
	c, err := parseConfig(args)
	if err != nil {
		return err
	}
	// lxcfs leaves files in /run; so does this program.
	if err := errors.Join(
		unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount("tmpfs", "/run", "tmpfs", 0, ""),
		os.Mkdir(workDir, 0o755)); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	machine, err := cgroups.Open()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM, unix.SIGINT)
	defer stop()
	b := &bench{config: c, run: machine.NewRun(pid)}
	if err := b.measure(ctx, machine.Version()); err != nil {
		return err
	}
	return json.NewEncoder(os.NewFile(resultFD, "result")).Encode(b.result)
}

func (b *bench) measure(ctx context.Context, cgroupVersion string) error {
	start := time.Now()
	b.result.Servers = b.servers
	var err error
	if b.result.Machine, err = b.describe(cgroupVersion); err != nil {
		return err
	}
	if err := b.run.Favour(); err != nil {
		return err
	}
	for _, n := range b.containers {
		if err := b.phase(ctx, n, b.matrix); err != nil {
			return fmt.Errorf("%d containers: %w", n, err)
		}
	}
	if b.many > 0 {
		if err := b.phase(ctx, b.many, b.manyContainers); err != nil {
			return fmt.Errorf("%d containers: %w", b.many, err)
		}
	}
	b.result.Machine.LoadAfter, err = loadAverages()
	b.result.Machine.Seconds = int(time.Since(start).Seconds())
	b.result.Targets = report.Judge(&b.result)
	return err
}

func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}
