// Command podview shows every container the CPUs, memory, swap and disk it
// was given, in /proc and /sys. See daemon/README.md.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"

	"k8s.io/klog/v2"

	"github.com/podview/podview/daemon/internal/demo"
)

// version is set by the build.
var version = "unknown"

type command struct {
	name, help string
	run        func(args []string) int
}

var commands = []command{
	{"serve", "mount the view and serve it until SIGTERM", serve},
	{"view", "print what a process sees, next to the host's", viewCommand},
	{"demo", "run a command in a limited container with the view; no cluster needed", demo.Main},
	{"reattach", "give running containers a view that they lost or started without", reattachCommand},
	{"links", "make what pods find while no podview runs", linksCommand},
	{"doctor", "say whether this node is fit, and why not", doctor},
	{"version", "print the version", func([]string) int { fmt.Println("podview", version); return 0 }},
}

// hidden is how podview starts itself: to answer requests, probes and those who
// ask for the mount, to see the daemon's end, to enter containers, to attach BPF
// programs, and inside a demo container.
var hidden = []command{
	{workerCommand, "", worker}, {probesCommand, "", answerProbes}, {guardCommand, "", guard},
	{greetCommand, "", greet}, {orphansCommand, "", lookForOrphans}, {attachCommand, "", syscallsAttach}, {detachCommand, "", syscallsDetach},
	{demo.InitCommand, "", demo.Init},
}

// Exit codes, as most tools have them.
const (
	exitFailure = 1
	exitUsage   = 2
)

func main() {
	code := run(os.Args[1:])
	klog.Flush()
	os.Exit(code)
}

func run(args []string) int {
	if len(args) == 0 {
		usage(os.Stderr)
		return exitUsage
	}
	for _, c := range slices.Concat(commands, hidden) {
		if c.name == args[0] {
			return c.run(args[1:])
		}
	}
	if args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		usage(os.Stdout)
		return 0
	}
	if args[0] == "nri" { // it was a command
		fmt.Fprintln(os.Stderr, "podview: the NRI plugin is a program of its own: podview-nri")
		return exitUsage
	}
	fmt.Fprintf(os.Stderr, "podview: unknown command %q\n", args[0])
	usage(os.Stderr)
	return exitUsage
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "podview shows every container what it was given.\n\nUsage: podview COMMAND [flags]")
	for _, c := range commands {
		fmt.Fprintf(w, "  %-8s %s\n", c.name, c.help)
	}
	fmt.Fprintln(w, "\npodview COMMAND --help lists a command's flags.")
}

// parse reads a command's flags, klog's among them. ok is false when the
// command is over, with that exit code.
func parse(flags *flag.FlagSet, args []string) (code int, ok bool) {
	klogFlags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(klogFlags)
	klogFlags.VisitAll(func(f *flag.Flag) {
		if f.Name == "v" || f.Name == "vmodule" {
			flags.Var(f.Value, f.Name, f.Usage)
		}
	})
	switch err := flags.Parse(args); err {
	case nil:
		return 0, true
	case flag.ErrHelp:
		return 0, false
	}
	return exitUsage, false // flag has said why
}

// fail reports why a command can't go on.
func fail(name string, err error) int {
	fmt.Fprintf(os.Stderr, "podview %s: %s\n", name, printable(err.Error()))
	return exitFailure
}
