package main

import (
	"flag"
	"fmt"
	"os"
	"path"
	"strings"
	"text/tabwriter"
	"time"

	"k8s.io/klog/v2"

	"github.com/podview/podview/daemon/internal/metrics"
	"github.com/podview/podview/daemon/internal/pipeline"
	"github.com/podview/podview/daemon/internal/summary"
	"github.com/podview/podview/daemon/paths"
)

func viewCommand(args []string) int {
	flags := flag.NewFlagSet("podview view", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "Usage: podview view --pid N [FILE...]\n\nPrints the figures process N sees next to the host's, or the files as N reads\nthem, raw. Needs no mount.")
		flags.PrintDefaults()
	}
	var c config
	c.register(flags)
	pid := flags.Int("pid", 0, "the process whose view is wanted, as this pid namespace numbers it")
	if code, ok := parse(flags, args); !ok {
		return code
	}
	err := c.validate()
	if err == nil && *pid <= 0 {
		err = fmt.Errorf("--pid=%d is not a process id", *pid)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "podview view:", err)
		return exitUsage
	}
	// A fallback to the host's bytes must be seen here, not in a log.
	klog.SetOutput(os.Stderr)
	p, mode, err := c.pipeline(metrics.New())
	if err != nil {
		return fail("view", err)
	}
	if err := p.Identify(*pid); err != nil {
		return fail("view", err)
	}
	if flags.NArg() == 0 {
		err = printSummary(p, *pid, mode)
	} else {
		err = printFiles(p, *pid, flags.Args())
	}
	if err != nil {
		return fail("view", err)
	}
	return 0
}

func printFiles(p *pipeline.Pipeline, pid int, files []string) error {
	for _, file := range files {
		if !emulated(path.Clean(file)) {
			return fmt.Errorf("%q is not a file that podview emulates", file)
		}
		text, err := p.Read(nil, pid, path.Clean(file))
		if err != nil {
			return err
		}
		if _, err := os.Stdout.Write(text); err != nil {
			return err
		}
	}
	return nil
}

func emulated(file string) bool {
	for _, p := range paths.All {
		if file == p.Path || p.Dir && strings.HasPrefix(file, p.Path+"/") {
			return true
		}
	}
	return false
}

// printSummary reads everything twice, a second apart, for the CPU usage.
func printSummary(p *pipeline.Pipeline, pid int, mode string) error {
	const theHost = 0
	read := func(tid int) (summary.Files, error) {
		return summary.Read(func(path string) ([]byte, error) { return p.Read(nil, tid, path) })
	}
	var before, after [2]summary.Files
	for _, files := range []*[2]summary.Files{&before, &after} {
		for i, tid := range []int{pid, theHost} {
			var err error
			if files[i], err = read(tid); err != nil {
				return err
			}
		}
		if files == &before {
			time.Sleep(time.Second)
		}
	}
	container := summary.Rows(before[0], after[0])
	host := summary.Rows(before[1], after[1])
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "cgroup %s\tprocess %d\thost\t\n", mode, pid)
	for i := range container {
		fmt.Fprintf(w, "%s\t%s\t%s\t\n", container[i].Name, container[i].Value, host[i].Value)
	}
	return w.Flush()
}
