package report

import (
	"errors"
	"fmt"
	"slices"
)

// Complete says what of a result is missing or impossible. It does not say
// whether anything was fast.
func Complete(r *Result, cells []Cell) error {
	var problems []error
	missing := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if m := r.Machine; m.Date == "" || m.Kernel == "" || m.CPUs == 0 || m.LoadBefore == "" || m.LoadAfter == "" || m.Cgroup == "" {
		missing("the machine is not described: %+v", m)
	}
	for _, c := range cells {
		i := slices.IndexFunc(r.Rows, func(row Row) bool { return row.Cell == c })
		if i < 0 {
			missing("%v: not measured", c)
			continue
		}
		for _, server := range r.Servers {
			f := r.Rows[i].Figures[server]
			if f.Ops == 0 || f.OpsPerSec <= 0 || f.P50Usec <= 0 || f.P99Usec < f.P50Usec {
				missing("%v, %s: %+v", c, server, f)
			}
			if server != Native && (f.CPUUsec <= 0 || f.RSSBytes <= 0) {
				missing("%v, %s: not accounted: %+v", c, server, f)
			}
		}
	}
	if r.Many != nil {
		problems = append(problems, r.Many.complete(r.Servers)...)
	}
	if len(r.Targets) == 0 && slices.Contains(r.Servers, Podview) && len(r.Servers) > 2 {
		missing("no target was judged")
	}
	return errors.Join(problems...)
}

func (m *Many) complete(servers []string) (problems []error) {
	missing := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if m.Containers == 0 || m.ThreadsPerContainer == 0 || m.LoadavgReadings == 0 {
		missing("the many containers are not described: %d of %d threads, %d readings", m.Containers, m.ThreadsPerContainer, m.LoadavgReadings)
	}
	for _, server := range servers {
		if !slices.ContainsFunc(m.First, func(f First) bool { return f.Server == server && f.FirstP50Usec > 0 && f.WarmP50Usec > 0 }) {
			missing("%s: no first read", server)
		}
		if !slices.ContainsFunc(m.Scale, func(s Scale) bool { return s.Server == server && s.P50Usec > 0 }) {
			missing("%s: no cost per number of containers", server)
		}
		if server == Native {
			continue
		}
		for what, percent := range map[string]map[string]float64{"idle": m.IdlePercent, "loadavg": m.LoadavgPercent, "after": m.AfterPercent} {
			if _, ok := percent[server]; !ok {
				missing("%s: no CPU time, %s", server, what)
			}
		}
		if m.LoadavgPercent[server] <= 0 {
			missing("%s: answered loadavg in no CPU time", server)
		}
		for _, when := range []string{AtStart, AllRead, AtTheEnd} {
			if held, ok := m.memoryOf(server, when); !ok || held.RSSBytes <= 0 || held.FDs <= 0 || held.FDLimit <= 0 || len(held.Processes) == 0 {
				missing("%s, %s: %+v", server, when, held)
			}
		}
	}
	return problems
}
