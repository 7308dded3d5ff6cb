package main

import (
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/podview/podview/daemon/internal/holder"
	"github.com/podview/podview/daemon/internal/syscallview"
)

// Files are served though the kernel never gets done with detaching.
func TestWithin(t *testing.T) {
	if got, ok := within(time.Hour, func() int { return 7 }); got != 7 || !ok {
		t.Errorf("%d, %v", got, ok)
	}
	never := make(chan int)
	defer close(never)
	if got, ok := within(0, func() int { return <-never }); got != 0 || ok {
		t.Errorf("of what does not end: %d, %v", got, ok)
	}
}

// fakeAttach is an attaching process that does what it is told.
func fakeAttach(args []string) (code int) {
	attached := os.NewFile(attachedFD, "attached")
	switch args[0] {
	case "affinity":
		_, _ = attached.Write([]byte{featureBits([]syscallview.Feature{syscallview.Affinity})})
	case "stays":
		_, _ = attached.Write([]byte{featureBits(syscallview.Features)})
		_, _ = io.Copy(io.Discard, os.NewFile(holder.AliveFD, "alive"))
	}
	return 0
}

func TestAttachProcess(t *testing.T) {
	for does, want := range map[string][]syscallview.Feature{
		"affinity": {syscallview.Affinity}, "stays": syscallview.Features,
	} {
		c := &serveConfig{syscalls: syscallFlags{list: "sysinfo,affinity", bpffs: t.TempDir()}}
		calls := attachSyscalls(c, []string{does})
		if !slices.Equal(calls.features, want) || calls.pending {
			t.Errorf("%s: %q attached, pending %t", does, calls.features, calls.pending)
		}
		calls.close() // ends one that stays
	}
}

// A process that dies, or does not get done, leaves the calls to the kernel.
func TestAwaitAttached(t *testing.T) {
	for name, test := range map[string]struct {
		dies, pending bool
	}{"it dies": {dies: true}, "it hangs": {pending: true}} {
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		if test.dies {
			write.Close()
		}
		calls := &attachedCalls{config: &serveConfig{}}
		calls.await(read, time.Millisecond)
		if len(calls.features) != 0 || calls.pending != test.pending {
			t.Errorf("%s: %q attached, pending %t", name, calls.features, calls.pending)
		}
		read.Close()
		write.Close()
	}
}

// What is attached fits the byte that tells of it.
func TestFeatureBits(t *testing.T) {
	if len(syscallview.Features) > 8 {
		t.Fatal("more features than bits")
	}
	for _, features := range [][]syscallview.Feature{nil, {syscallview.Sysinfo}, {syscallview.Affinity}, syscallview.Features} {
		if got := featuresIn(featureBits(features)); !slices.Equal(got, features) {
			t.Errorf("%q became %q", features, got)
		}
	}
}
