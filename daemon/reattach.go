package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/klog/v2"

	"github.com/podview/podview/daemon/internal/metrics"
	"github.com/podview/podview/daemon/internal/reattach"
)

func reattachCommand(args []string) int {
	flags := flag.NewFlagSet("podview reattach", flag.ContinueOnError)
	var config reattach.Config
	flags.StringVar(&config.View, "mount", defaultMount, "where the living view is mounted")
	flags.StringVar(&config.Proc, "host-proc", "/proc", "the host's procfs")
	flags.BoolVar(&config.DryRun, "dry-run", false, "only print what would be replaced")
	if code, ok := parse(flags, args); !ok {
		return code
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "podview reattach: unexpected argument %q\n", flags.Arg(0))
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM, unix.SIGINT)
	defer stop()
	report, err := reattach.Run(ctx, config)
	code := 0
	for _, c := range report.Containers {
		fmt.Println(reattachLine(c, config.DryRun))
		if len(c.Failures) > 0 {
			code = exitFailure
		}
	}
	if err != nil {
		return fail("reattach", err)
	}
	return code
}

// reattachLine says in one line what was done for a container. What containers
// name, cgroups and mount points, is quoted: the line goes to a terminal.
func reattachLine(c reattach.Container, dryRun bool) string {
	did := "replaced"
	if dryRun {
		did = "would replace"
	}
	files := "files"
	if len(c.Replaced) == 1 {
		files = "file"
	}
	line := fmt.Sprintf("pid %d cgroup %s: %s %d %s in %v", c.PID, printable(c.Cgroup), did, len(c.Replaced), files, c.Took.Round(time.Microsecond))
	if err := c.Err(); err != nil {
		line += "; failed: " + printable(strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return line
}

// reattachPauses are before each look for containers without the view. A
// runtime may have followed a link just before the mount was there, and have
// its container running only later.
var reattachPauses = []time.Duration{0, 5 * time.Second, time.Minute}

// reattachAll gives the view to the containers that lost it or started without
// it.
func reattachAll(ctx context.Context, config reattach.Config, m *metrics.Metrics) {
	for _, pause := range reattachPauses {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
			reattachOnce(ctx, config, m)
		}
	}
}

func reattachOnce(ctx context.Context, config reattach.Config, m *metrics.Metrics) {
	report, err := reattach.Run(ctx, config)
	for _, c := range report.Containers {
		m.Reattached(len(c.Replaced), len(c.Failures))
		if err := c.Err(); err != nil {
			klog.ErrorS(err, "Could not re-attach a container", "pid", c.PID, "cgroup", c.Cgroup, "replaced", len(c.Replaced), "failed", len(c.Failures))
			continue
		}
		klog.InfoS("Re-attached a container", "pid", c.PID, "cgroup", c.Cgroup, "replaced", len(c.Replaced), "took", c.Took)
	}
	if err != nil {
		klog.ErrorS(err, "Could not look for containers to re-attach")
	}
}
