package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

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
				sample, err := p.sliceOf(ctx, s, cell)
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

// sliceOf measures one server once in one cell.
func (p *phase) sliceOf(ctx context.Context, s *server, cell report.Cell) (*report.Sample, error) {
	drivers := spread(cell.Readers, len(p.containers), p.slice)
	used := slices.Concat(drivers...)
	request := func(op string, t turn) *reader.Request {
		return &reader.Request{Op: op, Path: s.path(cell.File), Way: cell.Way, Threads: t.threads, Nsec: int64(t.share)}
	}
	unmeasured := func(op string) error {
		return parallel(used, func(t turn) error {
			_, err := p.containers[t.container].call(ctx, request(op, t))
			return err
		})
	}
	if err := unmeasured("prepare"); err != nil {
		return nil, err
	}
	before, err := s.cpuNsec()
	if err != nil {
		return nil, err
	}
	sample := &report.Sample{Readers: cell.Readers}
	var wg sync.WaitGroup
	var mu sync.Mutex
	errs := make([]error, len(drivers))
	for i, turns := range drivers {
		wg.Go(func() {
			for _, t := range turns {
				reply, err := p.containers[t.container].call(ctx, request("burst", t))
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
	after, err := s.cpuNsec()
	for _, e := range append(errs, err) {
		if e != nil {
			return nil, e
		}
	}
	sample.CPUNsec = after - before
	if sample.RSSBytes, err = s.rssBytes(); err != nil {
		return nil, err
	}
	return sample, unmeasured("finish")
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
}

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
		}
	}
	return drivers
}

func (b *bench) measures(server string) bool { return slices.Contains(b.config.servers, server) }
