package main

import (
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// probes answers a kubelet: /livez while the process runs, /readyz when a
// read through the mount works.
type probes struct {
	mount    string
	acquired atomic.Bool // before that, what is there is another podview's
	reading  atomic.Bool
}

// readTimeout is below the kubelet's, so that it gets the reason.
const readTimeout = 900 * time.Millisecond

func serveProbes(address, mount string) (*probes, error) {
	p := &probes{mount: mount}
	if address == "" {
		return p, nil
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := p.ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	return p, listenHTTP("--probe-address", address, mux)
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
