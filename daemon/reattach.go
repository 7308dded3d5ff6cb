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
