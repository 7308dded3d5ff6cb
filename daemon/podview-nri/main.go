// Command podview-nri is podview's NRI plugin: it has the container runtime
// mount the view into labelled pods. It is a program of its own, so that what
// speaks to the runtime (gRPC, ttrpc, a WebAssembly engine) is not part of the
// privileged daemon. See docs/nri.md.
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

// version is set by the build.
var version = "unknown"

// exitUsage is podview's, too.
const exitUsage = 2

// config is the flags.
type config struct {
	nri.Config
	namespaces, handlers string
}

func main() {
	code := run(os.Args[1:])
	klog.Flush()
	os.Exit(code)
}

// parse reads the flags, klog's among them. ok is false when the program is
// over, with that exit code.
func parse(args []string) (c config, code int, ok bool) {
	flags := flag.NewFlagSet("podview-nri", flag.ContinueOnError)
	flags.StringVar(&c.Rules.View, "mount", "/var/lib/podview/view", "where the view is mounted, on the host and here")
	flags.StringVar(&c.Proc, "host-proc", "/proc", "the host's procfs")
	flags.StringVar(&c.Socket, "socket", "/var/run/nri/nri.sock", "the container runtime's NRI socket")
	flags.BoolVar(&c.Rules.Pressure, "pressure", false, "attach /proc/pressure to running containers, too")
	flags.BoolVar(&c.TimeNamespace, "time-namespace", false, "give each container a time namespace, so that its uptime and the ages of its processes agree in every program; where the kernel or the runtime (runc before 1.2) can't, containers start without")
	flags.StringVar(&c.namespaces, "namespaces", "", "namespaces, with commas, whose pods get the view without the label podview.dev/inject")
	flags.StringVar(&c.handlers, "runtime-handlers", "crun,nvidia,nvidia-cdi,nvidia-legacy", "runtime handlers, with commas, whose pods get the view as those of the default one do")
	printVersion := flags.Bool("version", false, "print the version")
	registerLog(flags)
	err := flags.Parse(args)
	switch {
	case err == flag.ErrHelp:
		return c, 0, false
	case err != nil: // flag has said why
		return c, exitUsage, false
	case *printVersion:
		fmt.Println("podview-nri", version)
		return c, 0, false
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
	fmt.Fprintln(os.Stderr, "podview-nri:", err)
	return c, exitUsage, false
}

// registerLog adds those of klog's flags that podview has, too.
func registerLog(flags *flag.FlagSet) {
	all := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(all)
	for _, name := range []string{"v", "vmodule"} {
		f := all.Lookup(name)
		flags.Var(f.Value, f.Name, f.Usage)
	}
}

func list(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}

func run(args []string) int {
	c, code, ok := parse(args)
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
		if _, err := os.Lstat(dir + p.Path); err == nil && kernel.Has(p.Path) {
			all = append(all, p.Path)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s has no emulated file", dir)
	}
	return all, nil
}
