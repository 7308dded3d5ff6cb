package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/conformance/bench/cgroups"
	"github.com/podview/podview/conformance/bench/reader"
)

// container is a process 1 in a cgroup and namespaces of its own.
type container struct {
	number    int
	memoryMiB int
	cmd       *exec.Cmd
	exited    chan struct{} // closed after cmd.Wait
	socket    *os.File
	in        *json.Decoder
	out       *json.Encoder
}

// limits differ from container to container, so that one that is shown
// another's is seen. The CPU limit throttles no single reader; it is one all
// the same, and a fraction.
func limits(number int) cgroups.Limits {
	return cgroups.Limits{MemoryMiB: 96 + number%32, MilliCPU: 1500}
}

// startContainer starts one, which does nothing before it is in its cgroup.
func (b *bench) startContainer(ctx context.Context, number int, views []reader.View) (*container, error) {
	l := limits(number)
	group, err := b.run.Container(number, l)
	if err != nil {
		return nil, err
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	theirs := os.NewFile(uintptr(pair[1]), "control")
	defer theirs.Close()
	if err := unix.SetNonblock(pair[0], true); err != nil { // so that it can have deadlines
		return nil, err
	}
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd, err := selfCommand(context.WithoutCancel(ctx), []string{reader.Command, exe}, theirs)
	if err != nil {
		return nil, err
	}
	cmd.Env = reader.Env
	cmd.SysProcAttr.Cloneflags = unix.CLONE_NEWPID | unix.CLONE_NEWNS
	socket := os.NewFile(uintptr(pair[0]), "container")
	c := &container{
		number: number, memoryMiB: l.MemoryMiB, cmd: cmd, exited: make(chan struct{}),
		socket: socket, in: json.NewDecoder(socket), out: json.NewEncoder(socket),
	}
	if err := cmd.Start(); err != nil {
		socket.Close()
		return nil, err
	}
	go func() {
		_ = cmd.Wait() // it was killed
		close(c.exited)
	}()
	if err := group.Add(cmd.Process.Pid); err != nil {
		return c, err
	}
	_, err = c.call(ctx, &reader.Request{Op: "enter", Views: views, Files: b.paths()})
	return c, err
}

// callTimeout only keeps a server that hangs from stopping the bench for good.
const callTimeout = 30 * time.Second

func (c *container) call(ctx context.Context, r *reader.Request) (reply reader.Reply, err error) {
	if err := c.socket.SetDeadline(time.Now().Add(callTimeout)); err != nil {
		return reply, err
	}
	defer context.AfterFunc(ctx, func() { _ = c.socket.SetDeadline(time.Unix(1, 0)) })()
	if err = c.out.Encode(r); err == nil {
		err = c.in.Decode(&reply)
	}
	if err == nil && reply.Error != "" {
		err = errors.New(reply.Error)
	}
	if err != nil {
		err = fmt.Errorf("container %d: %s %s: %w", c.number, r.Op, r.Path, errors.Join(err, ctx.Err()))
	}
	return reply, err
}

// stopAll kills containers: their inits' ends are those of all their
// processes. One that waits for an answer of a server that hangs can't die
// before the server does, and is not waited for.
func stopAll(containers []*container) {
	for _, c := range containers {
		_ = c.cmd.Process.Kill()
	}
	timeout := time.After(containerStopTimeout)
	for _, c := range containers {
		select {
		case <-c.exited:
		case <-timeout:
			return
		}
	}
}

const containerStopTimeout = 5 * time.Second
