// Bench measures podview beside lxcfs, a server of constant bytes, and the
// kernel's own files, in one run. `make bench` runs it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"syscall"

	"github.com/podview/podview/conformance/bench/reader"
)

func main() { os.Exit(dispatch(os.Args[1:])) }

// How the program starts itself, besides reader.Command and its like.
const (
	innerCommand  = "inner"  // PID FLAG...: the bench, in a mount namespace; PID is the outer's
	launchCommand = "launch" // PROGRAM ARG...: wait for a byte, then become PROGRAM
)

func dispatch(args []string) int {
	name := ""
	if len(args) > 0 {
		name = args[0]
	}
	var err error
	switch {
	case name == reader.Command && len(args) == 2:
		err = reader.Main(args[1])
	case name == reader.ProcessCommand && len(args) == 2:
		err = reader.Process(args[1])
	case name == launchCommand && len(args) > 1:
		err = launch(args[1:])
	case name == innerCommand && len(args) > 1:
		err = inner(args[1], args[2:])
	default:
		err = outer(args, os.Stdout)
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	return 0
}

// gateFD is a pipe with a byte in it when a launched program may start.
const gateFD = 3

// launch lets the bench put a process where it is counted before it does
// anything.
func launch(argv []string) error {
	gate := os.NewFile(gateFD, "gate")
	if n, err := gate.Read(make([]byte, 1)); n != 1 {
		return fmt.Errorf("not let in: %w", err)
	}
	gate.Close()
	return &os.PathError{Op: "exec", Path: argv[0], Err: syscall.Exec(argv[0], argv, os.Environ())}
}
