package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"

	"golang.org/x/sys/unix"
	"k8s.io/klog/v2"

	"github.com/podview/podview/daemon/internal/fusedev"
	"github.com/podview/podview/daemon/internal/fusefs"
	"github.com/podview/podview/daemon/internal/holder"
	"github.com/podview/podview/daemon/internal/host"
	"github.com/podview/podview/daemon/internal/ledger"
	"github.com/podview/podview/daemon/internal/metrics"
	"github.com/podview/podview/daemon/internal/pipeline"
	"github.com/podview/podview/daemon/paths"
)

// defaultMount is where the policies' volumes look for the view.
const defaultMount = "/var/lib/podview/view"

// serveConfig is the flags of serve, which are the worker's too.
type serveConfig struct {
	config
	mount          string
	readers        int
	leave          bool
	failOpen       bool
	metricsAddress string
}

// parseServe reads them. ok is false when the command is over, with that
// exit code.
func parseServe(args []string) (c serveConfig, code int, ok bool) {
	flags := flag.NewFlagSet("podview serve", flag.ContinueOnError)
	c.register(flags)
	flags.StringVar(&c.mount, "mount", defaultMount, "where to mount the view; its parent directory must exist")
	flags.BoolVar(&c.failOpen, "fail-open", true, "leave links to the host's files under the mount, so that pods start (and see the host) while no podview runs")
	flags.IntVar(&c.readers, "readers", 2, "threads that answer requests")
	flags.BoolVar(&c.leave, "leave-mounted", false, "do not unmount on SIGTERM: containers keep their files for a successor to serve")
	flags.StringVar(&c.metricsAddress, "metrics-address", "", "serve Prometheus metrics on HOST:PORT; empty for none")
	if code, ok := parse(flags, args); !ok {
		return c, code, false
	}
	err := c.validate()
	if c.mount != "" { // mountinfo has absolute names
		c.mount, _ = filepath.Abs(c.mount)
	}
	switch {
	case err != nil:
	case c.mount == "":
		err = errors.New("--mount is empty")
	case flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case c.readers < 1 || c.readers > 64:
		err = fmt.Errorf("--readers=%d is not between 1 and 64", c.readers)
	default:
		return c, 0, true
	}
	fmt.Fprintln(os.Stderr, "podview serve:", err)
	return c, exitUsage, false
}

func serve(args []string) int {
	c, code, ok := parseServe(args)
	if !ok {
		return code
	}
	if err := serveUntilSignal(&c, args); err != nil {
		return fail("serve", err)
	}
	return 0
}

// serveUntilSignal is the holder's life: mount, keep a worker running,
// unmount.
func serveUntilSignal(c *serveConfig, args []string) error {
	cleared, err := preflight(c.mount)
	if err != nil {
		return err
	}
	hostOnly, mode, err := c.pipeline(metrics.New())
	if err != nil {
		return err
	}
	hostOnly.HostOnly = true
	cpus, err := hostOnly.PossibleCPUs()
	if err != nil {
		return err
	}
	shared, err := ledger.New(c.readers, cpus)
	if err != nil {
		return err
	}
	// A log that nobody reads any more must not end the daemon.
	signal.Ignore(unix.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM, unix.SIGINT)
	defer stop()
	emulated := present(c.root)
	linked := c.failOpen && makeLinks(c.mount, emulated)
	if cleared || linked { // a worker sees to it, when it serves
		shared.Orphans().Store(1)
	}
	hostFS := fusefs.New(hostOnly, emulated)
	hostFS.Kept = shared.Kept()
	device, err := mountAndAnswer(c.mount, hostFS, shared)
	if err != nil {
		return err
	}
	klog.InfoS("Serving", "mount", c.mount, "cgroup", mode, "cpuView", c.cpuView, "version", version)
	h := &holder.Holder{
		Device: device, Ledger: shared,
		Arguments: append([]string{workerCommand}, args...),
		Host:      hostFS,
	}
	if err := h.Run(ctx); ctx.Err() == nil {
		return errors.Join(errors.New("the mount was taken away"), err)
	}
	if c.leave {
		klog.InfoS("Leaving the mount", "mount", c.mount)
		return nil
	}
	klog.InfoS("Unmounting", "mount", c.mount)
	return fusedev.Unmount(c.mount)
}

// mountAndAnswer mounts, and answers the kernel's INIT, which comes once.
func mountAndAnswer(mount string, hostFS *fusefs.FS, shared *ledger.Ledger) (*os.File, error) {
	fd, err := fusedev.Mount(mount)
	if err != nil {
		return nil, err
	}
	init, err := fusedev.NewConn(fd, hostFS, fusedev.NewSlots(1)).Handshake()
	if err == nil {
		err = shared.SetInit(init)
	}
	if err != nil {
		return nil, errors.Join(err, fusedev.Unmount(mount))
	}
	return os.NewFile(uintptr(fd), "/dev/fuse"), nil
}

// preflight says in one line why this process can't serve on mount. cleared
// is true when a killed daemon's mount was in the way, and is gone.
func preflight(mount string) (cleared bool, err error) {
	if os.Geteuid() != 0 {
		return false, fmt.Errorf("must run as root: it mounts, and reads every container's cgroup (running as uid %d)", os.Geteuid())
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		return false, fmt.Errorf("no FUSE device: %w (load the module fuse, or give the container /dev/fuse)", err)
	}
	if cleared, err = fusedev.Clear(mount); err != nil {
		return cleared, fmt.Errorf("--mount=%s: %w", mount, err)
	}
	// Only the last part is made: a parent that is not there is a typo, or a
	// volume that was not mounted.
	if err := os.Mkdir(mount, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return cleared, fmt.Errorf("--mount: %w", err)
	}
	// A symbolic link could lead to a mount that Clear did not see.
	if st, err := os.Lstat(mount); err != nil || !st.IsDir() {
		return cleared, fmt.Errorf("--mount=%s is not a directory", mount)
	}
	return cleared, nil
}

// present is the emulated paths that this host's kernel has.
func present(root host.Root) []paths.Path {
	var have []paths.Path
	for _, p := range paths.All {
		if _, err := os.Stat(root.Path(p.Path)); err == nil {
			have = append(have, p)
		} else {
			klog.V(1).InfoS("This kernel lacks a file, so the view does too", "path", p.Path, "err", err)
		}
	}
	return have
}

var _ fusefs.Tree = (*pipeline.Pipeline)(nil)
