package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/klog/v2"

	"github.com/podview/podview/daemon/internal/fusefs"
	"github.com/podview/podview/daemon/internal/holder"
	"github.com/podview/podview/daemon/internal/host"
	"github.com/podview/podview/daemon/internal/ledger"
	"github.com/podview/podview/daemon/internal/pipeline"
	"github.com/podview/podview/daemon/paths"
)

// defaultRunDir is for sockets.
const defaultRunDir = "/run/podview"

// defaultMount is where the policies' volumes look for the view.
const defaultMount = "/var/lib/podview/view"

// serveConfig is the flags of serve, which are the worker's too.
type serveConfig struct {
	config
	mount          string
	readers        int
	readDeadline   time.Duration
	leave          bool
	failOpen       bool
	linked         bool // containers may have started on links
	metricsAddress string
	probeAddress   string
	runDir         string
	oomScore       string // of the processes that the holder starts
	reserve        *holder.Reserve
	syscalls       syscallFlags
}

// parseServe reads them. ok is false when the command is over, with that
// exit code.
func parseServe(args []string) (c serveConfig, code int, ok bool) {
	flags := flag.NewFlagSet("podview serve", flag.ContinueOnError)
	c.register(flags)
	flags.StringVar(&c.mount, "mount", defaultMount, "where to mount the view; its parent directory must exist")
	flags.BoolVar(&c.failOpen, "fail-open", true, "leave links to the host's files under the mount, so that pods start (and see the host) while no podview runs")
	flags.IntVar(&c.readers, "readers", 2, "threads that answer requests; those stuck in a slow file are replaced")
	flags.DurationVar(&c.readDeadline, "read-deadline", 3*time.Second, "answer a read from the host's file when it takes longer; 0 for never")
	flags.BoolVar(&c.leave, "leave-mounted", false, "do not unmount on SIGTERM: containers keep their files for a successor to serve")
	flags.StringVar(&c.metricsAddress, "metrics-address", "", "serve Prometheus metrics on HOST:PORT; empty for none")
	flags.StringVar(&c.probeAddress, "probe-address", "", "serve /livez and /readyz on HOST:PORT; empty for none")
	flags.StringVar(&c.runDir, "run-dir", defaultRunDir, "for the socket of a hand-over and a lock; no pod should have it, and a successor must have the same")
	c.syscalls.register(flags)
	if code, ok := parse(flags, args); !ok {
		return c, code, false
	}
	err := errors.Join(c.validate(), c.syscalls.validate())
	if c.mount != "" { // mountinfo has absolute names
		c.mount, _ = filepath.Abs(c.mount)
	}
	switch {
	case err != nil:
	case c.mount == "":
		err = errors.New("--mount is empty")
	case c.runDir == "":
		err = errors.New("--run-dir is empty")
	case flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case c.readers < 1 || c.readers >= ledger.MaxReaders:
		err = fmt.Errorf("--readers=%d is not between 1 and %d", c.readers, ledger.MaxReaders-1)
	case c.readDeadline < 0:
		err = fmt.Errorf("--read-deadline=%v is negative", c.readDeadline)
	default:
		return c, 0, true
	}
	fmt.Fprintln(os.Stderr, "podview serve:", err)
	return c, exitUsage, false
}

func serve(args []string) int {
	c, code, ok := parseServe(args)
	if !ok {
		if code != 0 {
			beforeRefusal(args)
		}
		return code
	}
	linksFirst(&c)
	if err := serveUntilSignal(&c, args); err != nil {
		return fail("serve", err)
	}
	return 0
}

// serveUntilSignal is the holder's life: get the mount, keep it served, leave
// it in good order.
func serveUntilSignal(c *serveConfig, args []string) error {
	if err := fit(c); err != nil {
		return err
	}
	limitMemory(holderBytes)
	if err := hostCgroupNamespace(c); err != nil {
		klog.ErrorS(err, "Containers will see the host's figures")
	}
	// A log that nobody reads any more must not end the daemon.
	signal.Ignore(unix.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM, unix.SIGINT)
	defer stop()
	exempt(c)
	c.reserve = holder.NewReserve()
	acquired, stopProbes, err := startProbes(c)
	if err != nil {
		return err
	}
	defer stopProbes()
	// Before the mount: a container with the view has the system calls too.
	calls := attachSyscalls(c, args)
	defer calls.close()
	m, err := acquire(ctx, c, calls.workerArguments(args))
	if err != nil || m == nil { // nil: told to end before there was a mount
		return err
	}
	stopGuard := startGuard(c)
	calls.replaced()
	acquired()
	klog.InfoS("Serving", "mount", c.mount, "cgroup", m.cgroup, "cpuView", c.cpuView, "version", version)
	m.serve(ctx)
	if err := m.leave(); err != nil {
		return err // and leave the rest to the guard
	}
	stopGuard()
	return nil
}

// exempt keeps the OOM killer from the holder: all mounts end with it.
func exempt(c *serveConfig) {
	var err error
	if c.oomScore, err = holder.Exempt(); err != nil {
		klog.V(1).InfoS("The OOM killer may choose podview's first process, and all mounts end with it", "err", err)
	}
}

// background keeps a process running until stop returns.
func background(child *holder.Child) (stop func()) { return inBackground(child.Run) }

// inBackground runs f until stop returns, which ends its context.
func inBackground(f func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { f(ctx) })
	return func() {
		cancel()
		wg.Wait()
	}
}

// viewPaths are the emulated paths that the view has: those that this host's
// kernel has, and those that volumes name whatever the kernel.
func viewPaths(root host.Root) []paths.Path {
	var all []paths.Path
	for _, p := range paths.All {
		if !p.Optional && !root.Has(p.Path) {
			klog.V(1).InfoS("This kernel lacks a file, so the view does too", "path", p.Path)
			continue
		}
		all = append(all, p)
	}
	return all
}

var _ fusefs.Tree = (*pipeline.Pipeline)(nil)
