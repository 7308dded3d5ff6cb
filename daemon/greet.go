package main

import (
	"context"
	"flag"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/handover"
	"github.com/podview/podview/daemon/internal/holder"
)

// greetCommand is how serve starts the process that hears who asks for the
// mount: the holder talks to nobody whom that has not heard.
const greetCommand = "greet"

// What that process finds, besides holder.AliveFD.
const (
	socketFD = holder.AliveFD + 1 + iota // where they connect
	tellFD                               // for the one who is a successor
)

// greetBudget is above what a greeter takes that is well.
const greetBudget = 10 * time.Second

// greet runs one; a handover.Greeter.
func (c *serveConfig) greet(ctx context.Context, socket, tell *os.File) error {
	child := &holder.Child{
		Arguments: []string{greetCommand},
		Files:     []*os.File{socketFD - holder.AliveFD - 1: socket, tellFD - holder.AliveFD - 1: tell},
		OOMScore:  c.oomScore,
		Budget:    greetBudget,
	}
	return child.Once(ctx)
}

func greet(args []string) int {
	flags := flag.NewFlagSet("podview "+greetCommand, flag.ContinueOnError)
	if code, ok := parse(flags, args); !ok {
		return code
	}
	signal.Ignore(unix.SIGPIPE) // by a log that nobody reads any more
	if err := handover.Greet(os.NewFile(socketFD, "socket"), os.NewFile(tellFD, "tell"), version); err != nil {
		return fail(greetCommand, err)
	}
	return 0
}
