package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/klog/v2"

	"github.com/podview/podview/daemon/internal/holder"
	"github.com/podview/podview/daemon/internal/syscallview"
)

// attachCommand and detachCommand are how serve starts the processes that deal
// with the kernel's BPF, which may keep them waiting for ever, and make them
// large (the kernel's types take some 30 MB).
const (
	attachCommand = "syscalls-attach"
	detachCommand = "syscalls-detach"
)

// attachedFD is where an attaching process writes what is attached: one byte,
// with a bit for each of syscallview.Features.
const attachedFD = holder.AliveFD + 1

// attachPatience is how long the files wait for the system calls. Attaching and
// detaching take a second or two, but the kernel waits in it for every task of
// the node, and before Linux 6.9 that can be for ever: while the init of a pid
// namespace waits for one of its processes to end (commit 1612160b9127).
const attachPatience = 30 * time.Second

// attachedCalls are the programs that a process of this podview has attached.
type attachedCalls struct {
	config   *serveConfig
	features []syscallview.Feature
	// pending: the kernel is still at it, and nothing is known.
	pending bool
	// close ends a process that is still there: one that holds what is not
	// pinned, or waits for the kernel.
	close func()
}

// attachSyscalls has attached what --syscalls names. What can't be is said
// once, and left to the kernel.
func attachSyscalls(c *serveConfig, args []string) *attachedCalls {
	calls := &attachedCalls{config: c, close: func() {}}
	if c.syscalls.list == "" {
		return calls
	}
	answer, theirs, err := os.Pipe()
	if err != nil {
		klog.ErrorS(err, "Containers get the host's answers to system calls", "syscalls", c.syscalls.list)
		return calls
	}
	defer answer.Close()
	child := &holder.Child{
		Arguments: append([]string{attachCommand}, args...),
		Files:     []*os.File{attachedFD - holder.AliveFD - 1: theirs},
		OOMScore:  c.oomScore,
		Finishes:  true,
	}
	pinned := c.syscallConfig().PinDir != ""
	calls.close = inBackground(func(ctx context.Context) {
		defer theirs.Close() // then its death is the end of the pipe
		if !pinned {
			child.Run(ctx) // it stays, and holds what it attaches
		} else if err := child.Once(ctx); err != nil && ctx.Err() == nil {
			klog.ErrorS(err, "The process that attaches to system calls failed")
		}
	})
	calls.await(answer, attachPatience)
	return calls
}

// await reads what is attached.
func (a *attachedCalls) await(answer *os.File, patience time.Duration) {
	_ = answer.SetReadDeadline(time.Now().Add(patience))
	var on [1]byte
	_, err := answer.Read(on[:])
	switch {
	case err == nil:
		a.features = featuresIn(on[0])
	case errors.Is(err, os.ErrDeadlineExceeded):
		klog.ErrorS(nil, "The kernel does not get done with attaching; serving the files without waiting", "waited", patience, "syscalls", a.config.syscalls.list)
		a.pending = true
	default:
		klog.ErrorS(err, "Nothing is attached to system calls", "syscalls", a.config.syscalls.list)
	}
}

// replaced removes what an earlier podview had pinned for this mount, and this
// one was not asked for.
func (a *attachedCalls) replaced() {
	if a.pending {
		return
	}
	if err := a.config.detach(a.features...); err != nil {
		klog.ErrorS(err, "System calls of an earlier podview are still answered")
	}
}

// detachSyscalls is for whoever takes the mount away.
func (c *serveConfig) detachSyscalls() {
	if err := c.detach(); err != nil {
		klog.ErrorS(err, "System calls are still answered for containers that have the view")
	}
}

// detach has detached all that is pinned for this mount, but for some.
func (c *serveConfig) detach(except ...syscallview.Feature) error {
	dir := c.syscallConfig().PinDir
	if dir == "" {
		return nil
	}
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	child := &holder.Child{
		Arguments: []string{detachCommand, "--pins=" + dir, "--except=" + featureList(except)},
		OOMScore:  c.oomScore,
	}
	err, ok := within(attachPatience, func() error { return child.Once(context.Background()) })
	if !ok {
		return fmt.Errorf("the kernel does not get done with detaching what %s has pinned; waited %v", dir, attachPatience)
	}
	return err
}

// within is what f returns, if it does in that time. Else f goes on for itself.
func within[T any](patience time.Duration, f func() T) (result T, ok bool) {
	done := make(chan T, 1)
	go func() { done <- f() }()
	select {
	case result = <-done:
		return result, true
	case <-time.After(patience):
		return result, false
	}
}

// syscallsAttach is the process that attaches.
func syscallsAttach(args []string) int {
	c, code, ok := parseServe(args)
	if !ok {
		return code
	}
	signal.Ignore(unix.SIGPIPE) // by a log or a holder that is gone
	config := c.syscallConfig()
	features, programs := attach(&c, config)
	if _, err := os.NewFile(attachedFD, "attached").Write([]byte{featureBits(features)}); err != nil {
		klog.V(1).InfoS("Nobody waits to know what is attached", "err", err)
	}
	if config.PinDir != "" || len(programs) == 0 {
		return 0
	}
	debug.FreeOSMemory()
	awaitEnd(os.NewFile(holder.AliveFD, "alive"))
	for _, p := range programs {
		p.Close()
	}
	return 0
}

func attach(c *serveConfig, config syscallview.Config) (features []syscallview.Feature, programs []*syscallview.Attached) {
	kernel, err := syscallview.Open()
	if err != nil {
		klog.ErrorS(err, "Containers get the host's answers to system calls", "syscalls", c.syscalls.list)
		return nil, nil
	}
	config.Order = c.root.CPUOrder()
	if config.PinDir == "" {
		klog.InfoS("No BPF file system; --syscalls ends with this podview, and an update of it has a gap", "bpffs", c.syscalls.bpffs)
	}
	wanted, _ := syscallview.Parse(c.syscalls.list) // validated
	for _, f := range wanted {
		attached, err := kernel.Attach(f, config)
		if err != nil {
			klog.ErrorS(err, "Containers get the host's answers to this system call", "syscalls", f)
			continue
		}
		klog.InfoS("Containers with the view get their own answers to this system call", "syscalls", f, "pinned", config.PinDir != "")
		features, programs = append(features, f), append(programs, attached)
	}
	return features, programs
}

// syscallsDetach is the process that detaches.
func syscallsDetach(args []string) int {
	flags := flag.NewFlagSet("podview "+detachCommand, flag.ContinueOnError)
	pins := flags.String("pins", "", "the directory with the pinned programs")
	list := flags.String("except", "", "features that stay")
	if code, ok := parse(flags, args); !ok {
		return code
	}
	except, err := syscallview.Parse(*list)
	if err == nil {
		err = syscallview.Unpin(*pins, except...)
	}
	if err != nil {
		return fail(detachCommand, err)
	}
	return 0
}

func featureBits(features []syscallview.Feature) (bits byte) {
	for _, f := range features {
		bits |= 1 << slices.Index(syscallview.Features, f)
	}
	return bits
}

func featuresIn(bits byte) (features []syscallview.Feature) {
	for i, f := range syscallview.Features {
		if bits&(1<<i) != 0 {
			features = append(features, f)
		}
	}
	return features
}

func featureList(features []syscallview.Feature) string {
	names := make([]string, len(features))
	for i, f := range features {
		names[i] = string(f)
	}
	return strings.Join(names, ",")
}
