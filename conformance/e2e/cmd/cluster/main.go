// Command cluster keeps a cluster for playing:
//
//	cluster up BIN DIR ARCHIVE…   starts it, with these images and those of package image
//	cluster enter DIR PROGRAM…    runs a program in it, kubectl for instance
//	cluster down DIR              removes it, and what an aborted run left
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/podview/podview/conformance/e2e/cluster"
	"github.com/podview/podview/conformance/e2e/image"
)

func main() {
	cluster.Node()
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) >= 3 && args[0] == "up":
		return up(args[1], args[2], args[3:])
	case len(args) >= 3 && args[0] == "enter":
		return enter(args[1], args[2], args[3:])
	case len(args) == 2 && args[0] == "down":
		return cluster.Remove(args[1])
	}
	return fmt.Errorf("usage: up BIN DIR ARCHIVE… | enter DIR PROGRAM… | down DIR")
}

func up(bin, dir string, archives []string) error {
	images, err := os.MkdirTemp("", "podview-e2e-images-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(images)
	own, err := image.Write(images)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	_, err = cluster.Start(ctx, cluster.Config{Dir: dir, Bin: bin, Images: append(own, archives...), Keep: true})
	return err
}

func enter(dir, program string, args []string) error {
	c, err := cluster.Find(dir)
	if err != nil {
		return err
	}
	if c == nil {
		return fmt.Errorf("no cluster runs in %s", dir)
	}
	command := c.Command(context.Background(), program, args...)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	err = command.Run()
	if exit, ok := err.(*exec.ExitError); ok {
		os.Exit(exit.ExitCode())
	}
	return err
}
