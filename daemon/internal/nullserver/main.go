// Nullserver answers reads with bytes that never change. It has podview's
// device loop and nothing behind it, so the bench can say what FUSE alone
// costs: the floor.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/fusedev"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "nullserver:", err)
		os.Exit(1)
	}
}

func run() error {
	mount := flag.String("mount", "", "an empty directory to mount on")
	readers := flag.Int("readers", 2, "threads that answer requests")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: nullserver --mount DIR [--readers N] FILE...\n\nServes each FILE, an absolute path, with the bytes that it has now.")
		flag.PrintDefaults()
	}
	flag.Parse()
	if *mount == "" || flag.NArg() == 0 || *readers < 1 {
		flag.Usage()
		return errors.New("nothing to serve")
	}
	fusedev.Tune(*readers)
	tree, err := newTree(flag.Args())
	if err != nil {
		return err
	}
	dir, err := filepath.Abs(*mount)
	if err != nil {
		return err
	}
	stopping := make(chan os.Signal, 1)
	signal.Notify(stopping, unix.SIGTERM, unix.SIGINT)
	fd, err := fusedev.Mount(dir)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	const never = -1
	go func() { ended <- fusedev.NewConn(fd, tree, fusedev.NewSlots(*readers)).Serve(never) }()
	select {
	case err := <-ended:
		return err
	case <-stopping:
		return fusedev.Unmount(dir)
	}
}
