package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/confine"
	"github.com/podview/podview/daemon/internal/holder"
)

// probesCommand is how serve starts the process that answers probes: the
// holder talks to nobody.
const probesCommand = "probes"

// What that process finds, besides holder.AliveFD.
const (
	// acquiredFD is a pipe that is closed when the holder has the mount.
	acquiredFD = holder.AliveFD + 1 + iota
	// listenerFD is the socket: the holder keeps it open, so that it is the
	// same one if the process is replaced.
	listenerFD
)

// startProbes has /livez and /readyz served; acquired is called when there is
// a mount to be ready for.
func startProbes(c *serveConfig) (acquired, stop func(), err error) {
	if c.probeAddress == "" {
		return func() {}, func() {}, nil
	}
	listener, err := listen("--probe-address", c.probeAddress)
	if err != nil {
		return nil, nil, err
	}
	defer listener.Close()
	socket, err := listener.File()
	if err != nil {
		return nil, nil, fmt.Errorf("--probe-address: %w", err)
	}
	theirs, ours, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	stop = background(&holder.Child{
		Arguments: []string{probesCommand, "--mount=" + c.mount},
		Files:     []*os.File{acquiredFD - holder.AliveFD - 1: theirs, listenerFD - holder.AliveFD - 1: socket},
		OOMScore:  c.oomScore,
	})
	return func() { _ = ours.Close() }, stop, nil
}

func answerProbes(args []string) int {
	flags := flag.NewFlagSet("podview probes", flag.ContinueOnError)
	p := &probes{}
	flags.StringVar(&p.mount, "mount", "", "as serve has it")
	if code, ok := parse(flags, args); !ok {
		return code
	}
	signal.Ignore(unix.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM)
	defer stop()
	listener, err := net.FileListener(os.NewFile(listenerFD, "listener"))
	if err != nil {
		return fail(probesCommand, err)
	}
	sayUnconfined(probesCommand, confine.Probes())
	go func() {
		awaitEnd(os.NewFile(acquiredFD, "acquired"))
		p.acquired.Store(true)
	}()
	go func() {
		awaitEnd(os.NewFile(holder.AliveFD, "alive"))
		stop()
	}()
	go serveHTTP(listener, p.handler())
	<-ctx.Done()
	return 0
}

// probes answers a kubelet: /livez while the holder runs, /readyz when a
// read through the mount works.
type probes struct {
	mount    string
	acquired atomic.Bool // before that, what is there is another podview's
	reading  atomic.Bool
}

// readTimeout is below the kubelet's, so that it gets the reason.
const readTimeout = 900 * time.Millisecond

func (p *probes) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := p.ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	return mux
}

// listenHTTP serves until the process ends. The error names the flag.
func listenHTTP(flag, address string, handler http.Handler) error {
	listener, err := listen(flag, address)
	if err == nil {
		go serveHTTP(listener, handler)
	}
	return err
}

// ready reads a file of the view. A read that hangs keeps one thread, not one
// for each probe.
func (p *probes) ready() error {
	if !p.acquired.Load() {
		return errors.New("waiting for the mount")
	}
	if !p.reading.CompareAndSwap(false, true) {
		return errors.New("the read of an earlier probe has no answer yet")
	}
	done := make(chan error, 1)
	go func() {
		err := readSome(p.mount + "/proc/uptime")
		p.reading.Store(false)
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-time.After(readTimeout):
		return fmt.Errorf("no answer from the view in %v", readTimeout)
	}
}

// readSome reads by plain system calls, because Go's poller asks a file system
// more than it must answer for a container.
func readSome(file string) error {
	fd, err := unix.Open(file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	defer unix.Close(fd)
	n, err := unix.Read(fd, make([]byte, 4096))
	if err == nil && n <= 0 {
		err = errors.New("it is empty")
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	return nil
}
