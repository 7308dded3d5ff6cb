package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sys/unix"
	"k8s.io/klog/v2"

	"github.com/podview/podview/daemon/internal/cgroup/detect"
	"github.com/podview/podview/daemon/internal/fusedev"
	"github.com/podview/podview/daemon/internal/fusefs"
	"github.com/podview/podview/daemon/internal/host"
	"github.com/podview/podview/daemon/internal/metrics"
	"github.com/podview/podview/daemon/internal/pipeline"
	"github.com/podview/podview/daemon/paths"
)

// config is what the commands that read cgroups can be told.
type config struct {
	root    host.Root
	cgroup  string
	cpuView string
}

func (c *config) register(flags *flag.FlagSet) {
	flags.StringVar(&c.root.Proc, "host-proc", "/proc", "the host's procfs")
	flags.StringVar(&c.root.Sys, "host-sys", "/sys", "the host's sysfs")
	flags.StringVar(&c.root.Cgroup, "host-cgroup", "/sys/fs/cgroup", "the host's cgroup file systems")
	flags.StringVar(&c.cgroup, "cgroup", "auto", "cgroup version: auto, v1 or v2")
	flags.StringVar(&c.cpuView, "cpu-view", "quota", "number of CPUs shown: quota (CPU limit, rounded up) or cpuset (every CPU a container may run on)")
}

func (c *config) validate() error {
	if !slices.Contains([]string{"auto", "v1", "v2"}, c.cgroup) {
		return fmt.Errorf("--cgroup=%q is not auto, v1 or v2", c.cgroup)
	}
	if !slices.Contains([]string{"quota", "cpuset"}, c.cpuView) {
		return fmt.Errorf("--cpu-view=%q is not quota or cpuset", c.cpuView)
	}
	return nil
}

// pipeline makes the reader of the configured host, and names its cgroups.
func (c *config) pipeline(m *metrics.Metrics) (p *pipeline.Pipeline, mode string, err error) {
	hierarchies, mode, err := detect.Open(c.root, c.cgroup)
	if err != nil {
		return nil, "", err
	}
	p, err = pipeline.New(pipeline.Config{
		Root: c.root, Hierarchies: hierarchies, ByQuota: c.cpuView == "quota",
		NowNsec: boottime, Metrics: m,
	})
	return p, mode, err
}

func boottime() uint64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		panic(err) // Linux has had it since 2.6.39
	}
	return uint64(t.Nano())
}

func serve(args []string) int {
	flags := flag.NewFlagSet("podview serve", flag.ContinueOnError)
	var c config
	c.register(flags)
	mount := flags.String("mount", "/var/lib/podview/view", "where to mount the view; its parent directory must exist")
	readers := flags.Int("readers", 2, "threads that answer requests")
	leave := flags.Bool("leave-mounted", false, "do not unmount on SIGTERM: containers keep their files for a successor to serve")
	metricsAddress := flags.String("metrics-address", "", "serve Prometheus metrics on HOST:PORT; empty for none")
	if code, ok := parse(flags, args); !ok {
		return code
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "podview serve: unexpected argument %q\n", flags.Arg(0))
		return exitUsage
	}
	if err := c.validate(); err != nil {
		fmt.Fprintln(os.Stderr, "podview serve:", err)
		return exitUsage
	}
	if *readers < 1 || *readers > 64 {
		fmt.Fprintf(os.Stderr, "podview serve: --readers=%d is not between 1 and 64\n", *readers)
		return exitUsage
	}
	if err := serveUntilSignal(&c, *mount, *readers, *leave, *metricsAddress); err != nil {
		return fail("serve", err)
	}
	return 0
}

func serveUntilSignal(c *config, mount string, readers int, leave bool, metricsAddress string) error {
	if err := preflight(mount); err != nil {
		return err
	}
	// A log that nobody reads any more must not end the daemon.
	signal.Ignore(unix.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM, unix.SIGINT)
	defer stop()
	counters := metrics.New()
	p, mode, err := c.pipeline(counters)
	if err != nil {
		return err
	}
	if err := serveMetrics(metricsAddress, counters); err != nil {
		return err
	}
	fd, err := fusedev.Mount(mount)
	if err != nil {
		return err
	}
	klog.InfoS("Serving", "mount", mount, "cgroup", mode, "cpuView", c.cpuView, "version", version)
	go p.Run(ctx)
	ended := make(chan error, 1)
	conn := fusedev.NewConn(fd, fusefs.New(p, present(c.root)))
	go func() { ended <- conn.Serve(readers) }()

	select {
	case err := <-ended:
		return errors.Join(errors.New("the mount was taken away"), err)
	case <-ctx.Done():
	}
	if leave {
		klog.InfoS("Leaving the mount", "mount", mount)
		return nil
	}
	klog.InfoS("Unmounting", "mount", mount)
	return fusedev.Unmount(mount)
}

// preflight says in one line why this process can't serve on mount.
func preflight(mount string) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("must run as root: it mounts, and reads every container's cgroup (running as uid %d)", os.Geteuid())
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		return fmt.Errorf("no FUSE device: %w (load the module fuse, or give the container /dev/fuse)", err)
	}
	if mount == "" {
		return errors.New("--mount is empty")
	}
	if err := fusedev.Clear(mount); err != nil {
		return fmt.Errorf("--mount=%s: %w", mount, err)
	}
	// Only the last part is made: a parent that is not there is a typo, or a
	// volume that was not mounted.
	if err := os.Mkdir(mount, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("--mount: %w", err)
	}
	if st, err := os.Stat(mount); err != nil || !st.IsDir() {
		return fmt.Errorf("%s is not a directory", mount)
	}
	return nil
}

// present is the emulated paths that this host's kernel has.
func present(root host.Root) []paths.Path {
	var have []paths.Path
	for _, p := range paths.All {
		if _, err := os.Stat(root.Path(p.Path)); err == nil {
			have = append(have, p)
		} else {
			klog.InfoS("This kernel lacks a file, so the view does too", "path", p.Path, "err", err)
		}
	}
	return have
}

func serveMetrics(address string, m *metrics.Metrics) error {
	if address == "" {
		return nil
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(m.Registry(), promhttp.HandlerOpts{}))
	server := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	go func() { klog.ErrorS(server.Serve(listener), "Metrics ended") }()
	return nil
}
