package main

import (
	"os"
	"slices"
	"testing"

	"github.com/podview/podview/conformance/bench/reader"
)

// TestMain plays every part of the program: the tests start it again as the
// bench does.
func TestMain(m *testing.M) {
	parts := []string{innerCommand, launchCommand, reader.Command, reader.ProcessCommand, benchCommand}
	if len(os.Args) > 1 && slices.Contains(parts, os.Args[1]) {
		args := os.Args[1:]
		if args[0] == benchCommand {
			args = args[1:]
		}
		os.Exit(dispatch(args))
	}
	os.Exit(m.Run())
}

// benchCommand makes the test binary the bench's outermost process.
const benchCommand = "bench"
