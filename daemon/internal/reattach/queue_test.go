package reattach

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Namespaces that take for ever keep no other waiting, however many there are
// before it.
func TestSlowNamespacesGoLast(t *testing.T) {
	const slow = 4 * atOnce
	var all []namespace
	for pid := range slow + 10 {
		all = append(all, namespace{pids: []int{pid}})
	}
	release, fast, ended := make(chan struct{}), make(chan int, 10), make(chan struct{})
	do := func(ns namespace) (Container, bool) {
		if ns.pids[0] < slow {
			<-release
		} else {
			fast <- ns.pids[0]
		}
		return Container{PID: ns.pids[0], Replaced: []string{"/proc/stat"}}, true
	}
	go func() {
		for range 10 {
			<-fast
		}
		close(release) // only when all others are done
	}()
	report, complete := each(context.Background(), all, do, func() { close(ended) })
	<-ended
	if !complete || len(report) != len(all) || report[0].PID != 0 || report[len(all)-1].PID != len(all)-1 {
		t.Errorf("%d of %d, %t: %+v", len(report), len(all), complete, report)
	}
}

func TestEachEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	ended := false
	_, complete := each(ctx, []namespace{{pids: []int{1}}}, func(namespace) (Container, bool) {
		t.Error("it went on")
		return Container{}, false
	}, func() { ended = true })
	if complete || !ended {
		t.Errorf("complete %t, ended %t", complete, ended)
	}
}

// A container with many namespaces waits for those with one.
func TestContainersTakeTurns(t *testing.T) {
	all := []namespace{{pids: []int{1}}, {pids: []int{2}}, {pids: []int{3}}, {pids: []int{4, 9}}, {pids: []int{5}}}
	cgroups := map[int]string{1: "a", 2: "a", 3: "a", 4: "b", 5: "b"}
	var got []int
	for _, ns := range takeTurns(all, func(pid int) string { return cgroups[pid] }) {
		got = append(got, ns.pids[0])
	}
	if want := "[1 4 2 5 3]"; fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
}

// A lock that somebody in the container keeps is done without.
func TestLockOfAStranger(t *testing.T) {
	open := func() int {
		fd, err := unix.Open("/proc/self/ns/uts", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		return fd
	}
	stranger, ours := open(), open()
	if err := unix.Flock(stranger, unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		t.Skip("another test has it")
	}
	got := make(chan error, 1)
	go func() { got <- lock(ours) }()
	select {
	case err := <-got:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("it waits for ever")
	}
	if err := lock(-1); !errors.Is(err, os.ErrInvalid) && err != unix.EBADF {
		t.Errorf("no file: %v", err)
	}
}
