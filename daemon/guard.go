package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/klog/v2"

	"github.com/podview/podview/daemon/internal/confine"
	"github.com/podview/podview/daemon/internal/fusedev"
	"github.com/podview/podview/daemon/internal/holder"
)

// guardCommand is how serve starts the process that outlives it: a daemon
// that is killed leaves a dead mount, which hides the links to the host's
// files and so keeps new pods from starting.
const guardCommand = "guard"

// guardPatience is for the last processes that have the device to end. After
// that somebody serves the mount.
const guardPatience = 5 * time.Second

// startGuard starts it where there are links. It is as safe from the OOM killer
// as the holder.
func startGuard(c *serveConfig) (stop func()) {
	if !c.failOpen {
		return func() {}
	}
	return background(&holder.Child{Arguments: []string{guardCommand, "--mount=" + c.mount, "--run-dir=" + c.runDir}, Outlives: true})
}

func guard(args []string) int {
	flags := flag.NewFlagSet("podview guard", flag.ContinueOnError)
	var c serveConfig
	flags.StringVar(&c.mount, "mount", "", "as serve has it")
	flags.StringVar(&c.runDir, "run-dir", "", "as serve has it")
	if code, ok := parse(flags, args); !ok {
		return code
	}
	// It ends after the holder, whoever else is told to end.
	signal.Ignore(unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGPIPE)
	sayUnconfined(guardCommand, confine.Guard())
	awaitEnd(os.NewFile(holder.AliveFD, "alive"))
	cleared, err := takeOff(&c)
	if err != nil {
		return fail(guardCommand, err)
	}
	if cleared {
		klog.InfoS("podview serve is gone, and nobody followed; took its dead mount off", "mount", c.mount)
	}
	return 0
}

// awaitEnd returns when the holder has ended.
func awaitEnd(alive *os.File) { _, _ = io.Copy(io.Discard, alive) }

// takeOff detaches a dead mount of ours, unless somebody serves it.
func takeOff(c *serveConfig) (cleared bool, err error) {
	const often, seldom = 5 * time.Millisecond, 100 * time.Millisecond
	pause := often // a runtime kills what is left of a container soon after its first process
	for began := time.Now(); ; time.Sleep(pause) {
		cleared, err = clearUnderLock(c)
		var busy busyError
		switch waited := time.Since(began); {
		case err == nil:
			return cleared, nil
		case !errors.As(err, &busy):
			return false, err
		case waited > guardPatience:
			return false, nil
		case waited > time.Second:
			pause = seldom
		}
	}
}

// clearUnderLock holds the lock under which all podviews mount, so that what
// was found dead is what is detached.
func clearUnderLock(c *serveConfig) (cleared bool, err error) {
	unlock, err := lockStart(c.runDir)
	if err != nil {
		return false, err
	}
	defer unlock()
	cleared, err = fusedev.Clear(c.mount)
	if errors.Is(err, fusedev.ErrServed) {
		return cleared, busyError{err}
	}
	if err != nil {
		return cleared, fmt.Errorf("--mount=%s: %w", c.mount, err)
	}
	return cleared, nil
}
