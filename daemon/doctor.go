package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/podview/podview/daemon/internal/confine"
	"github.com/podview/podview/daemon/internal/host"
	"github.com/podview/podview/daemon/internal/metrics"
	"github.com/podview/podview/daemon/internal/syscallview"
	"github.com/podview/podview/daemon/paths"
)

// diagnosis is one thing that a node must have, or may lack.
type diagnosis struct {
	feature string
	needed  bool // without it the view can't be served
	err     error
}

func doctor(args []string) int {
	flags := flag.NewFlagSet("podview doctor", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "Usage: podview doctor [flags]\n\nSays for each feature whether this node is fit for it, and why not. The exit\ncode is 1 when the view itself can't be served. Changes nothing.")
		flags.PrintDefaults()
	}
	var c serveConfig
	c.register(flags)
	flags.StringVar(&c.syscalls.bpffs, "bpffs", defaultBPFFS, "the BPF file system")
	if code, ok := parse(flags, args); !ok {
		return code
	}
	err := c.validate()
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "podview doctor:", err)
		return exitUsage
	}
	if !report(os.Stdout, diagnose(&c)) {
		return exitFailure
	}
	return 0
}

// report prints a line for each, and returns whether the view can be served.
func report(w io.Writer, all []diagnosis) (fit bool) {
	fit = true
	last := "The view can be served here."
	for _, d := range all {
		switch {
		case d.err == nil:
			fmt.Fprintf(w, "fit    %s\n", d.feature)
			continue
		case d.needed:
			last = "The view can't be served here."
			fit = false
			fmt.Fprintf(w, "UNFIT  %s: %v\n", d.feature, d.err)
		case errors.Is(d.err, errNoVolume):
			if fit {
				last = "The view can be served here, but not to pods with volumes for what is missing."
			}
			fmt.Fprintf(w, "UNFIT  %s: %v\n", d.feature, d.err)
		default:
			fmt.Fprintf(w, "unfit  %s: %v\n", d.feature, d.err)
		}
	}
	fmt.Fprintln(w, last)
	return fit
}

func diagnose(c *serveConfig) []diagnosis {
	const needed, optional = true, false
	p, mode, errCgroup := c.pipeline(metrics.New())
	errWatching := errCgroup
	if errCgroup == nil {
		errWatching = p.Watching()
	}
	if mode != "" {
		mode = " (" + mode + ")"
	}
	all := []diagnosis{
		{"root and a FUSE device", needed, fit(c)},
		{"mounting: CAP_SYS_ADMIN", needed, mayMount(c)},
		{"cgroups" + mode, needed, errCgroup},
		{"the containers' own figures: the host's cgroup namespace", needed, hostCgroupNamespace(c)},
		{"hostPath volumes for every cluster", needed, noVolume(c, false)},
		{"hostPath volumes of the -optional policies", optional, noVolume(c, true)},
		{"every emulated file", optional, absent(c)},
		{"cheap reads: the kernel reports changes of cgroups", optional, errWatching},
		{"confined processes: the kernel refuses what is not on a list", optional, confine.Filters()},
	}
	kernel, err := syscallview.Open()
	for _, f := range syscallview.Features {
		errFeature := err
		if err == nil {
			config := c.syscallConfig()
			config.Order = c.root.CPUOrder()
			errFeature = kernel.Load(f, config)
		}
		all = append(all, diagnosis{"--syscalls=" + string(f), optional, errFeature})
	}
	var errPins error
	if !syscallview.IsBPFFS(c.syscalls.bpffs) {
		errPins = fmt.Errorf("no BPF file system at %s; without one it ends with podview", c.syscalls.bpffs)
	}
	return append(all, diagnosis{"--syscalls without a gap in updates", optional, errPins})
}

// mayMount reads the bounding of this process's effective capabilities.
func mayMount(c *serveConfig) error {
	text, err := os.ReadFile(c.root.Path("/proc/self/status"))
	if err != nil {
		return err
	}
	if !hasCapability(string(text), capSysAdmin) {
		return errors.New("this process lacks it; run it privileged")
	}
	return nil
}

// capSysAdmin is CAP_SYS_ADMIN's number (include/uapi/linux/capability.h).
const capSysAdmin = 21

// hasCapability reads CapEff of a /proc/PID/status.
func hasCapability(status string, number uint) bool {
	for line := range strings.Lines(status) {
		var effective uint64
		if _, err := fmt.Sscanf(line, "CapEff:\t%x", &effective); err == nil {
			return effective>>number&1 == 1
		}
	}
	return false
}

// absent is the emulated files that this kernel lacks.
func absent(c *serveConfig) error {
	names := lacking(c.root, func(p paths.Path) bool { return !p.Rare })
	if names == nil {
		return nil
	}
	return fmt.Errorf("this kernel lacks %s, so the view has nothing in its place", strings.Join(names, " "))
}

var errNoVolume = errors.New("no container runtime can mount there, and a pod with such a volume does not start; with NRI it starts without")

// noVolume is those among them that policies have volumes for. The view has
// something to mount, but /proc and /sys have no place for it, and nobody can
// make one.
func noVolume(c *serveConfig, optional bool) error {
	names := lacking(c.root, func(p paths.Path) bool { return p.Everywhere && p.Optional == optional })
	if names == nil {
		return nil
	}
	return fmt.Errorf("this kernel lacks %s: %w", strings.Join(names, " "), errNoVolume)
}

func lacking(root host.Root, among func(paths.Path) bool) (names []string) {
	for _, p := range paths.All {
		if among(p) && !root.Has(p.Path) {
			names = append(names, p.Path)
		}
	}
	return names
}
