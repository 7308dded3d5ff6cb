package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
	"k8s.io/klog/v2"

	"github.com/podview/podview/daemon/internal/host"
	"github.com/podview/podview/daemon/internal/mountinfo"
	"github.com/podview/podview/daemon/internal/nri"
	"github.com/podview/podview/daemon/paths"
)

// nriConfig is the flags of nri.
type nriConfig struct {
	nri.Config
	namespaces, handlers string
}

// parseNRI reads them. ok is false when the command is over, with that exit
// code.
func parseNRI(args []string) (c nriConfig, code int, ok bool) {
	flags := flag.NewFlagSet("podview nri", flag.ContinueOnError)
	flags.StringVar(&c.Rules.View, "mount", defaultMount, "where the view is mounted, on the host and here")
	flags.StringVar(&c.Proc, "host-proc", "/proc", "the host's procfs")
	flags.StringVar(&c.Socket, "socket", "/var/run/nri/nri.sock", "the container runtime's NRI socket")
	flags.BoolVar(&c.Rules.Pressure, "pressure", false, "attach /proc/pressure to running containers, too")
	flags.BoolVar(&c.TimeNamespace, "time-namespace", false, "give each container a time namespace, so that its uptime and the ages of its processes agree in every program; where the kernel or the runtime (runc before 1.2) can't, containers start without")
	flags.StringVar(&c.namespaces, "namespaces", "", "namespaces, with commas, whose pods get the view without the label podview.dev/inject")
	flags.StringVar(&c.handlers, "runtime-handlers", "crun", "runtime handlers, with commas, whose pods get the view as those of the default one do")
	if code, ok := parse(flags, args); !ok {
		return c, code, false
	}
	var err error
	switch {
	case flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case c.Socket == "":
		err = errors.New("--socket is empty")
	case !filepath.IsAbs(c.Rules.View): // the runtime has another working directory
		err = fmt.Errorf("--mount=%s is not an absolute path", c.Rules.View)
	default:
		c.Rules.View = filepath.Clean(c.Rules.View)
		c.Rules.Namespaces, c.Rules.Handlers = list(c.namespaces), list(c.handlers)
		return c, 0, true
	}
	fmt.Fprintln(os.Stderr, "podview nri:", err)
	return c, exitUsage, false
}

func list(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}

func nriCommand(args []string) int {
	c, code, ok := parseNRI(args)
	if !ok {
		return code
	}
	signal.Ignore(unix.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM, unix.SIGINT)
	defer stop()
	klog.InfoS("Serving NRI", "socket", c.Socket, "mount", c.Rules.View, "pressure", c.Rules.Pressure, "timeNamespace", c.TimeNamespace, "version", version)
	view := c.Rules.View
	c.Source = nri.Source{
		Mounted: func() (string, error) { return viewOn(view) },
		Has:     func() ([]string, error) { return pathsIn(view, host.Root{Proc: "/proc", Sys: "/sys"}) },
	}
	nri.Run(ctx, c.Config)
	return 0
}

// viewOn is the superblock of the view that is mounted on dir, "" for none.
func viewOn(dir string) (string, error) {
	m, ok, err := mountinfo.On(dir)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil // podview has never run here
	}
	if err != nil || !ok || m.FSType != mountinfo.ViewType || m.Root != "/" {
		return "", err
	}
	return m.Dev, nil
}

// pathsIn asks the view on dir for an answer, and for what it emulates. What
// this kernel lacks is left out: no runtime can mount anything there.
func pathsIn(dir string, kernel host.Root) ([]string, error) {
	// The kernel never answers this one from memory.
	if err := unix.Statfs(dir, &unix.Statfs_t{}); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	var all []string
	for _, p := range paths.All {
		if _, err := os.Lstat(dir + p.Path); err == nil && has(kernel, p.Path) {
			all = append(all, p.Path)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s has no emulated file", dir)
	}
	return all, nil
}
