package main

import (
	"context"
	"slices"
	"time"

	"github.com/podview/podview/conformance/bench/report"
)

// firstReads gives each file its own containers, because a container can be
// new only once. The kernel's own file comes first, so that the reader's code
// is in memory when a server's turn comes.
func (p *phase) firstReads(ctx context.Context, m *report.Many) error {
	servers := slices.Clone(p.servers)
	slices.SortStableFunc(servers, func(a, b *server) int { return rank(a) - rank(b) })
	for i, file := range p.files {
		var own []*container
		for c := i; c < len(p.containers); c += len(p.files) {
			own = append(own, p.containers[c])
		}
		if len(own) == 0 {
			continue
		}
		for _, s := range servers {
			first, err := p.visitAll(ctx, s, own, file, 1, len(own))
			if err != nil {
				return err
			}
			warm, err := p.visitAll(ctx, s, own, file, 1, len(own))
			if err != nil {
				return err
			}
			f, w := report.Median([]*report.Sample{first}), report.Median([]*report.Sample{warm})
			m.First = append(m.First, report.First{
				Server: s.name, File: file, Containers: len(own),
				FirstP50Usec: f.P50Usec, WarmP50Usec: w.P50Usec, FirstCPUUsec: f.CPUUsec, WarmCPUUsec: w.CPUUsec,
			})
		}
	}
	return nil
}

func rank(s *server) int {
	if s.account == nil {
		return 0
	}
	return 1
}

// loadavg reads it in each container once a minute, for the window.
func (p *phase) loadavg(ctx context.Context, m *report.Many) error {
	start := time.Now()
	every := time.Minute / time.Duration(len(p.containers))
	for i := 0; ; i++ {
		due := time.Duration(i) * every
		if due >= p.loadavgWindow {
			return sleep(ctx, p.loadavgWindow-time.Since(start))
		}
		if err := sleep(ctx, due-time.Since(start)); err != nil {
			return err
		}
		for _, s := range p.servers {
			if err := p.visit(ctx, s, p.containers[i%len(p.containers)], "loadavg", 1, &report.Sample{}); err != nil {
				return err
			}
		}
		m.LoadavgReadings++
	}
}

// readsPerVisit: the first read in a container finds nothing of it in the
// CPU's caches, the second does.
const readsPerVisit = 2

// scaleSteps are the numbers of containers that take turns.
var scaleSteps = []int{10, 100, 1000}

// scale measures a read while 10, 100, 1000 containers take turns. Only their
// number differs: there are as many visits, each of as many reads.
func (p *phase) scale(ctx context.Context, m *report.Many) error {
	steps := slices.DeleteFunc(slices.Clone(scaleSteps), func(n int) bool { return n > len(p.containers) })
	if len(steps) < 2 {
		steps = []int{1, len(p.containers)}
	}
	files := slices.DeleteFunc(slices.Clone(p.files), func(f string) bool { return f != "meminfo" && f != "stat" })
	if len(files) == 0 {
		files = p.files[:1]
	}
	for _, file := range files {
		samples := map[string]map[int][]*report.Sample{}
		for range p.rounds {
			for _, n := range steps {
				for _, s := range p.servers {
					sample, err := p.visitAll(ctx, s, p.containers[:n], file, readsPerVisit, max(p.visits, n))
					if err != nil {
						return err
					}
					if samples[s.name] == nil {
						samples[s.name] = map[int][]*report.Sample{}
					}
					samples[s.name][n] = append(samples[s.name][n], sample)
				}
			}
		}
		for _, s := range p.servers {
			for _, n := range steps {
				f := report.Median(samples[s.name][n])
				m.Scale = append(m.Scale, report.Scale{Server: s.name, File: file, Containers: n, P50Usec: f.P50Usec, CPUUsec: f.CPUUsec})
			}
		}
	}
	return nil
}
