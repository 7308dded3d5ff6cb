package reader

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"
	"time"

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

var childEnv = []string{"GODEBUG=asyncpreemptoff=1", "GOMAXPROCS=1", "GOGC=off"}

// container is process 1's state.
type container struct {
	exe     string
	workers []*worker
}

// Main is process 1. It ends with the bench, whose end closes the socket.
func Main(exe string) error {
	c := &container{exe: exe}
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
	case "prepare", "burst", "finish":
		return c.all(r)
	}
	return reply, fmt.Errorf("%q is no request", r.Op)
}

// all gives the request to as many workers as it wants, and adds up.
func (c *container) all(r *Request) (reply Reply, err error) {
	for len(c.workers) < r.Threads {
		w, err := startWorker(c.exe)
		if err != nil {
			return reply, err
		}
		c.workers = append(c.workers, w)
		// A thread in a raw system call keeps its P; one more is for us.
		if n := len(c.workers) + 1; n > runtime.GOMAXPROCS(0) {
			runtime.GOMAXPROCS(n)
		}
	}
	done := make(chan outcome, r.Threads)
	for _, w := range c.workers[:r.Threads] {
		w.jobs <- job{r, done}
	}
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

// Process is ProcessCommand: it reads path as Open does, and writes to
// standard output how long that took.
func Process(path string) error {
	name, err := syscall.BytePtrFromString(path)
	if err != nil {
		return err
	}
	buf := make([]byte, readBufferBytes)
	start := time.Now()
	if err := readAll(name, buf); err != nil {
		return err
	}
	nsec := max(time.Since(start), 1)
	var text [timingBytes]byte
	binary.NativeEndian.PutUint64(text[:], uint64(nsec))
	_, err = os.Stdout.Write(text[:])
	return err
}
