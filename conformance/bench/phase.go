package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"github.com/podview/podview/conformance/bench/reader"
	"github.com/podview/podview/conformance/bench/report"
)

// phase is a number of containers and servers, started for it and gone after
// it. Nothing of one phase is there in the next, not even a directory's name.
type phase struct {
	*bench
	servers    []*server
	containers []*container
}

// phase makes one, and takes it down whatever happens in between.
func (b *bench) phase(ctx context.Context, containers int, work func(context.Context, *phase) error) (err error) {
	p := &phase{bench: b}
	defer func() { err = errors.Join(err, p.end()) }()
	b.phases++
	var views []reader.View
	for _, name := range b.config.servers {
		s, err := b.startServer(ctx, name, filepath.Join(workDir, fmt.Sprint(b.phases), name))
		if s != nil {
			p.servers = append(p.servers, s)
		}
		if err != nil {
			return err
		}
		views = append(views, s.view)
	}
	progress("starting %d containers", containers)
	p.containers = make([]*container, containers)
	numbers := make([]int, containers)
	for i := range numbers {
		numbers[i] = i
	}
	if err := parallel(numbers, func(i int) (err error) {
		p.containers[i], err = b.startContainer(ctx, i, views)
		return err
	}); err != nil {
		return err
	}
	err = work(ctx, p)
	for _, s := range p.servers {
		err = errors.Join(err, s.alive())
	}
	return err
}

// end stops the containers first: they hold mounts of the views.
func (p *phase) end() error {
	p.containers = slices.DeleteFunc(p.containers, func(c *container) bool { return c == nil })
	stopAll(p.containers)
	var errs []error
	var wg sync.WaitGroup
	var mu sync.Mutex
	for _, s := range p.servers {
		wg.Go(func() {
			err := s.stop(p.run)
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
		})
	}
	wg.Wait()
	for _, c := range p.containers {
		c.socket.Close()
	}
	return errors.Join(append(errs, p.run.RemoveContainers())...)
}

// atATime is how many containers do something at a time where that is not
// measured.
const atATime = 8

// parallel does work for all, and returns the first errors of each that did
// it; after an error no more is begun.
func parallel[T any](all []T, work func(T) error) error {
	next := make(chan T)
	failed := make(chan struct{})
	var once sync.Once
	errs := make([]error, atATime)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			for one := range next {
				if errs[i] = work(one); errs[i] != nil {
					once.Do(func() { close(failed) })
					return
				}
			}
		})
	}
send:
	for _, one := range all {
		select {
		case next <- one:
		case <-failed:
			break send
		}
	}
	close(next)
	wg.Wait()
	return errors.Join(errs...)
}

// check reads meminfo everywhere: podview and lxcfs must show the container's
// limit, the kernel and the null server the machine's. Figures of the wrong
// answer would be worth nothing.
func (p *phase) check(ctx context.Context) error {
	return parallel(p.containers, func(c *container) error {
		for _, s := range p.servers {
			r, err := c.call(ctx, &reader.Request{Op: "read", Path: s.path("meminfo")})
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			shown, err := memTotalKiB(r.Text)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			limit := c.memoryMiB << 10
			if own := s.name == report.Podview || s.name == report.Lxcfs; own != (shown == limit) {
				return fmt.Errorf("%s shows container %d, limited to %d KiB: MemTotal %d kB", s.name, c.number, limit, shown)
			}
		}
		return nil
	})
}

func memTotalKiB(meminfo []byte) (kib int, err error) {
	if n, _ := fmt.Sscanf(string(meminfo), "MemTotal: %d kB", &kib); n != 1 {
		line, _, _ := bytes.Cut(meminfo, []byte("\n"))
		return 0, fmt.Errorf("meminfo starts with %q", line)
	}
	return kib, nil
}

// path is where a container reads a server's file.
func (s *server) path(file string) string { return filepath.Join(s.view.Root, filePaths[file]) }
