package main

import (
	"context"
	"fmt"
	"time"

	"github.com/podview/podview/conformance/bench/reader"
	"github.com/podview/podview/conformance/bench/report"
)

// manyContainers measures what a full node costs. The order matters: nobody
// has read anything at first.
func (b *bench) manyContainers(ctx context.Context, p *phase) error {
	threads, err := field(fmt.Sprintf("/proc/%d/status", p.containers[0].cmd.Process.Pid), "Threads:")
	if err != nil {
		return err
	}
	m := &report.Many{
		Containers: len(p.containers), ThreadsPerContainer: int(threads),
		IdleSeconds: b.idleWindow.Seconds(), LoadavgSeconds: b.loadavgWindow.Seconds(),
	}
	b.result.Many = m
	idle := func(ctx context.Context) error { return sleep(ctx, b.idleWindow) }
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"what they hold at the start", func() error { return p.hold(m, report.AtStart) }},
		// What the servers put off until nobody reads, of the making of the
		// containers too, is not what being idle costs.
		{"a pause", func() error { return sleep(ctx, b.idleWindow) }},
		{"idle, nobody has read", func() (err error) { m.IdlePercent, err = p.cpuPercent(ctx, idle); return err }},
		{"first reads", func() error { return p.firstReads(ctx, m) }},
		{"each file in each container", func() error { return p.readAll(ctx) }},
		{"right answers", func() error { return p.check(ctx) }},
		{"what they hold then", func() error { return p.hold(m, report.AllRead) }},
		{"loadavg once a minute", func() (err error) {
			m.LoadavgPercent, err = p.cpuPercent(ctx, func(ctx context.Context) error { return p.loadavg(ctx, m) })
			return err
		}},
		{"cost by number of containers", func() error { return p.scale(ctx, m) }},
		{"idle, everybody has read", func() (err error) { m.AfterPercent, err = p.cpuPercent(ctx, idle); return err }},
		{"what they hold at the end", func() error { return p.hold(m, report.AtTheEnd) }},
	} {
		progress("%d containers: %s", len(p.containers), step.name)
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *phase) hold(m *report.Many, when string) error {
	for _, s := range p.servers {
		if s.account == nil {
			continue
		}
		held, err := s.memory(when)
		if err != nil {
			return err
		}
		m.Memory = append(m.Memory, held)
	}
	return nil
}

// cpuPercent is the share of one core that each server uses while work runs.
func (p *phase) cpuPercent(ctx context.Context, work func(context.Context) error) (map[string]float64, error) {
	before := map[string]int64{}
	var err error
	start := time.Now()
	for _, s := range p.servers {
		if before[s.name], err = s.cpuNsec(); err != nil {
			return nil, err
		}
	}
	if err := work(ctx); err != nil {
		return nil, err
	}
	elapsed := time.Since(start)
	percent := map[string]float64{}
	for _, s := range p.servers {
		after, err := s.cpuNsec()
		if err != nil {
			return nil, err
		}
		if s.account != nil {
			percent[s.name] = 100 * float64(after-before[s.name]) / float64(elapsed.Nanoseconds())
		}
	}
	return percent, nil
}

// visit reads a file in a container with its first thread, ops times.
func (p *phase) visit(ctx context.Context, s *server, c *container, file string, ops int, sum *report.Sample) error {
	reply, err := c.call(ctx, &reader.Request{Op: "burst", Path: s.path(file), Way: reader.Open, Threads: 1, Ops: ops})
	if err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	add(sum, reply)
	return nil
}

// visits is visit for each of some containers, with the server's CPU time.
func (p *phase) visitAll(ctx context.Context, s *server, containers []*container, file string, ops, times int) (*report.Sample, error) {
	sum := &report.Sample{Readers: 1}
	before, err := s.cpuNsec()
	for i := 0; i < times && err == nil; i++ {
		err = p.visit(ctx, s, containers[i%len(containers)], file, ops, sum)
	}
	if err != nil {
		return nil, err
	}
	after, err := s.cpuNsec()
	sum.CPUNsec = after - before
	return sum, err
}

func (p *phase) readAll(ctx context.Context) error {
	return parallel(p.containers, func(c *container) error {
		for _, s := range p.servers {
			for _, file := range p.files {
				if err := p.visit(ctx, s, c, file, 1, &report.Sample{}); err != nil {
					return err
				}
			}
		}
		return nil
	})
}
