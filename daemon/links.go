package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
	"k8s.io/klog/v2"

	"github.com/podview/podview/daemon/internal/boot"
	"github.com/podview/podview/daemon/internal/failopen"
	"github.com/podview/podview/daemon/internal/host"
	"github.com/podview/podview/daemon/internal/mountinfo"
	"github.com/podview/podview/daemon/paths"
)

func linksCommand(args []string) int {
	flags := flag.NewFlagSet("podview links", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "Usage: podview links [flags]\n\nMakes what pods find while no podview runs: links to the host's files, under the\nmount if there is one. A dead mount that hides them is taken off. Serves nothing.")
		flags.PrintDefaults()
	}
	var c serveConfig
	flags.StringVar(&c.mount, "mount", defaultMount, "where the view is, or will be")
	flags.StringVar(&c.runDir, "run-dir", defaultRunDir, "as serve has it")
	flags.StringVar(&c.root.Proc, "host-proc", "/proc", "the host's procfs")
	flags.StringVar(&c.root.Sys, "host-sys", "/sys", "the host's sysfs")
	format := flags.String("print", "", "make nothing, but print what a node's own configuration needs to make them at boot: "+strings.Join(boot.Formats(), ", "))
	image := flags.String("image", "ghcr.io/podview/podview:v0.1.0", "podview's, for --print=talos")
	if code, ok := parse(flags, args); !ok {
		return code
	}
	if flags.NArg() > 0 || c.mount == "" {
		fmt.Fprintf(os.Stderr, "podview links: unexpected argument %q, or --mount is empty\n", flags.Arg(0))
		return exitUsage
	}
	c.mount, _ = filepath.Abs(c.mount)
	if *format != "" {
		text, err := boot.Print(*format, boot.Config{Mount: c.mount, Image: *image})
		if err != nil {
			fmt.Fprintln(os.Stderr, "podview links: --print:", err)
			return exitUsage
		}
		fmt.Print(text)
		return 0
	}
	// At boot nobody has made the directories above it yet.
	if err := os.MkdirAll(filepath.Dir(c.mount), 0o755); err != nil {
		return fail("links", fmt.Errorf("--mount: %w", err))
	}
	laid, err := layLinks(&c)
	fmt.Println(laid.say(c.mount))
	if err != nil {
		return fail("links", err)
	}
	return 0
}

// laid is what layLinks has found and done.
type laid struct {
	// found: there were links already, which containers may have started on.
	found bool
	// cleared: a dead mount was in the way, and is gone.
	cleared bool
	// lacking are the paths that have a stand-in.
	lacking []string
}

func (l laid) say(mount string) string {
	text := mount + ": pods start without podview"
	if l.cleared {
		text += "; a dead mount hid the links, and is off"
	}
	if l.lacking != nil {
		text += "; empty is what this kernel lacks: " + strings.Join(l.lacking, " ")
	}
	return text
}

// linksFirst comes before everything that can end serve: whatever does, pods
// find their volumes.
func linksFirst(c *serveConfig) {
	if !c.failOpen || c.mount == "" {
		return
	}
	l, err := layLinks(c)
	if c.linked = l.found || l.cleared; l.cleared {
		klog.InfoS("Took off a dead mount", "mount", c.mount)
	}
	if err != nil {
		klog.ErrorS(err, "Without podview, new pods that need these files will not start", "mount", c.mount)
	}
}

// layLinks makes the links at the mountpoint, under what is mounted there, and
// takes off what is dead.
func layLinks(c *serveConfig) (l laid, err error) {
	// Only the last part is made, as where the view is mounted.
	if err := os.Mkdir(c.mount, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return l, fmt.Errorf("--mount: %w", err)
	}
	there, mounted, err := mountinfo.On(c.mount)
	if err != nil {
		return l, err
	}
	if mounted && there.FSType != mountinfo.ViewType {
		return l, fmt.Errorf("%s is in use: a file system of type %s is mounted there", c.mount, there.FSType)
	}
	makeIn := func(dir string) (err error) {
		l.found, err = failopen.Make(dir, paths.All, func(p paths.Path) bool { return lacks(c.root, p) })
		return err
	}
	if mounted {
		err = failopen.Under(c.mount, makeIn)
	} else {
		err = makeIn(c.mount)
	}
	if mounted && errors.Is(err, unix.EPERM) { // a container may not look there
		if state, errAsk := mountinfo.Ask(c.mount); errAsk == nil && state == mountinfo.Served {
			return l, nil // whoever serves has made them
		}
	}
	for _, p := range paths.All {
		if p.Optional && lacks(c.root, p) {
			l.lacking = append(l.lacking, p.Path)
		}
	}
	if mounted {
		var errDead error
		l.cleared, errDead = clearDead(c)
		err = errors.Join(err, errDead)
	}
	return l, err
}

// clearDead takes a dead mount off, as the guard does. Others hold the lock
// for a moment only; what is served then is none of our business.
func clearDead(c *serveConfig) (cleared bool, err error) {
	for range 10 {
		if state, err := mountinfo.Ask(c.mount); err != nil || state != mountinfo.Dead {
			return cleared, err
		}
		var one bool
		one, err = clearUnderLock(c)
		cleared = cleared || one
		var busy busyError
		if !errors.As(err, &busy) {
			break
		}
	}
	return cleared, err
}

// lacks tells that this host's kernel has no such file. Where the whole file
// system is missing, a flag is wrong and nothing is known.
func lacks(root host.Root, p paths.Path) bool {
	sure := "/proc/stat"
	if strings.HasPrefix(p.Path, "/sys/") {
		sure = paths.CPUDir
	}
	return !root.Has(p.Path) && root.Has(sure)
}

// beforeRefusal is linksFirst for a command line that serve does not take, as
// of a manifest that is newer than this podview.
func beforeRefusal(args []string) {
	c := serveConfig{mount: defaultMount, runDir: defaultRunDir, failOpen: true}
	c.root = host.Root{Proc: "/proc", Sys: "/sys"}
	for name, value := range map[string]*string{"mount": &c.mount, "run-dir": &c.runDir, "host-proc": &c.root.Proc, "host-sys": &c.root.Sys} {
		if given, ok := lastFlag(args, name); ok {
			*value = given
		}
	}
	if given, ok := lastFlag(args, "fail-open"); ok {
		c.failOpen = given != "false" && given != "0"
	}
	if c.mount != "" {
		c.mount, _ = filepath.Abs(c.mount)
	}
	linksFirst(&c)
}

// lastFlag finds a flag among arguments that package flag has refused.
func lastFlag(args []string, name string) (value string, ok bool) {
	for i, arg := range args {
		arg, isFlag := strings.CutPrefix(arg, "-")
		arg = strings.TrimPrefix(arg, "-")
		key, given, hasValue := strings.Cut(arg, "=")
		switch {
		case !isFlag || key != name:
		case hasValue:
			value, ok = given, true
		case i+1 < len(args):
			value, ok = args[i+1], true
		}
	}
	return value, ok
}
