package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/conformance/bench/reader"
	"github.com/podview/podview/conformance/bench/report"
)

// matrix measures every cell with the phase's containers. The rounds are
// outermost: what else the machine did for some seconds is in one of them.
func (b *bench) matrix(ctx context.Context, p *phase) error {
	if err := p.check(ctx); err != nil {
		return err
	}
	cells := b.cells(len(p.containers))
	samples := make([]map[string][]*report.Sample, len(cells))
	for round := range b.rounds {
		progress("%d containers, round %d of %d: %d cells, %d servers", len(p.containers), round+1, b.rounds, len(cells), len(p.servers))
		for i, cell := range cells {
			if samples[i] == nil {
				samples[i] = map[string][]*report.Sample{}
			}
			for _, s := range p.servers {
				sample, err := p.sliceOf(ctx, s, cell, round == 0 || cell.Way == reader.Pread)
				if err != nil {
					return fmt.Errorf("%s: %v: %w", s.name, cell, err)
				}
				samples[i][s.name] = append(samples[i][s.name], sample)
			}
		}
	}
	for i, cell := range cells {
		figures := map[string]report.Figures{}
		for name, rounds := range samples[i] {
			figures[name] = report.Median(rounds)
		}
		b.result.Rows = append(b.result.Rows, report.NewRow(cell, figures))
	}
	return p.check(ctx)
}

// sliceOf measures one server once in one cell. prepare is for what has not
// been read there before, and for descriptors to be kept.
func (p *phase) sliceOf(ctx context.Context, s *server, cell report.Cell, prepare bool) (*report.Sample, error) {
	drivers := spread(cell.Readers, len(p.containers), p.slice)
	request := func(op string, t turn) *reader.Request {
		return &reader.Request{Op: op, Path: s.path(cell.File), Way: cell.Way, Threads: t.threads}
	}
	if prepare {
		if err := parallel(slices.Concat(drivers...), func(t turn) error {
			_, err := p.containers[t.container].call(ctx, request("prepare", t))
			return err
		}); err != nil {
			return nil, err
		}
	}
	before, err := s.cpuNsec()
	if err != nil {
		return nil, err
	}
	sample, err := p.bursts(ctx, drivers, request)
	if err != nil {
		return nil, err
	}
	after, err := s.cpuNsec()
	if err != nil {
		return nil, err
	}
	sample.Readers, sample.CPUNsec = cell.Readers, after-before
	sample.RSSBytes, err = s.rssBytes()
	return sample, err
}

// bursts runs all drivers at the same time.
func (p *phase) bursts(ctx context.Context, drivers [][]turn, request func(string, turn) *reader.Request) (*report.Sample, error) {
	sample := &report.Sample{}
	var wg sync.WaitGroup
	var mu sync.Mutex
	errs := make([]error, len(drivers))
	begin := monotonicNsec() + leadNsec
	for i, turns := range drivers {
		wg.Go(func() {
			for _, t := range turns {
				r := request("burst", t)
				r.Nsec = int64(t.share)
				if t.start >= 0 {
					r.Start = begin + int64(t.start)
				}
				reply, err := p.containers[t.container].call(ctx, r)
				if err != nil {
					errs[i] = err
					return
				}
				mu.Lock()
				add(sample, reply)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return sample, errors.Join(errs...)
}

// leadNsec is how long before its start a burst is asked for.
const leadNsec = int64(5 * time.Millisecond)

func monotonicNsec() int64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // fails for no clock that exists
	return ts.Nano()
}

func add(s *report.Sample, r reader.Reply) {
	s.Latency.Merge(r.Buckets)
	s.Ops += r.Ops
	s.ThreadNsec += r.ThreadNsec
}

// turn is a container's part in a slice.
type turn struct {
	container, threads int
	share              time.Duration
	start              time.Duration // after the slice's; -1: when the turn before is over
}

// shortTurn is too short to be prepared for: the next follows at once. Longer
// ones start at a set time, all drivers' together, so that as many readers
// read at a time as the cell says.
const shortTurn = 10 * time.Millisecond

// spread deals the containers out: each driver has some of them, reads in one
// after the other, and stands for one reader; for several, where there are
// fewer containers than readers. All driver's turns together take the slice.
func spread(readers, containers int, slice time.Duration) [][]turn {
	drivers := make([][]turn, min(readers, containers))
	for c := range containers {
		d := c % len(drivers)
		threads := readers / len(drivers)
		if d < readers%len(drivers) {
			threads++
		}
		drivers[d] = append(drivers[d], turn{container: c, threads: threads})
	}
	for _, turns := range drivers {
		for i := range turns {
			turns[i].share = slice / time.Duration(len(turns))
			turns[i].start = -1
			if i == 0 || turns[i].share >= shortTurn {
				turns[i].start = time.Duration(i) * (turns[i].share + time.Duration(leadNsec))
			}
		}
	}
	return drivers
}

func (b *bench) measures(server string) bool { return slices.Contains(b.config.servers, server) }
