package reader

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/podview/podview/conformance/bench/latency"
)

// How the bench's program starts itself.
const (
	// Command is a container's process 1; its argument is the program.
	Command = "container"
	// ProcessCommand reads one file and ends.
	ProcessCommand = "read"
	// ControlFD is where process 1 finds the socket to the bench.
	ControlFD = 3
)

// Env is process 1's. A signal that preempts a thread in a read would make
// the kernel send one more FUSE request, an interrupt.
var Env = []string{"GODEBUG=asyncpreemptoff=1", "GOMAXPROCS=2"}

// container is process 1's state.
type container struct {
	exe     string
	workers []*worker
}

// Main is process 1. It ends with the bench, whose end closes the socket.
func Main(exe string) error {
	c := &container{exe: exe}
	runtime.LockOSThread() // this thread reads, too
	socket := os.NewFile(ControlFD, "control")
	in, out := json.NewDecoder(socket), json.NewEncoder(socket)
	for {
		var request Request
		if err := in.Decode(&request); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		reply, err := c.answer(&request)
		if err != nil {
			reply.Error = err.Error()
		}
		if err := out.Encode(reply); err != nil {
			return err
		}
	}
}

func (c *container) answer(r *Request) (reply Reply, err error) {
	switch r.Op {
	case "enter":
		return reply, enter(r.Views, r.Files)
	case "read":
		reply.Text, err = os.ReadFile(r.Path)
		return reply, err
	case "prepare", "burst":
		if r.Threads < 1 {
			return reply, errors.New("no thread is to read")
		}
		return c.all(r)
	}
	return reply, fmt.Errorf("%q is no request", r.Op)
}

// all gives the request to as many workers as it wants, and adds up.
func (c *container) all(r *Request) (reply Reply, err error) {
	for len(c.workers) < r.Threads {
		w, err := newWorker(c.exe)
		if err != nil {
			return reply, err
		}
		if len(c.workers) > 0 {
			go w.run()
		}
		c.workers = append(c.workers, w)
		// A thread in a raw system call keeps its P; one more is for us.
		if n := len(c.workers) + 1; n > runtime.GOMAXPROCS(0) {
			runtime.GOMAXPROCS(n)
		}
	}
	done := make(chan outcome, r.Threads)
	// The first is this thread: one reader is the most frequent case, and
	// needs no other thread to be woken.
	for _, w := range c.workers[1:r.Threads] {
		w.jobs <- job{r, done}
	}
	done <- c.workers[0].do(r)
	for range r.Threads {
		o := <-done
		err = errors.Join(err, o.err)
		reply.Ops += o.ops
		reply.ThreadNsec += o.nsec
	}
	if r.Op == "burst" {
		var sum latency.Histogram
		for _, w := range c.workers[:r.Threads] {
			sum.Merge(w.latency.Buckets())
		}
		reply.Buckets = sum.Buckets()
	}
	return reply, err
}
