package report

import (
	"fmt"
	"slices"

	"github.com/podview/podview/conformance/bench/reader"
)

// Target is one aim, and the worst that was measured.
type Target struct {
	What     string `json:"what"`
	Measured string `json:"measured"`
	Where    string `json:"where"`
	Met      bool   `json:"met"`
}

// Judge compares a result with the targets. Those whose figures the run does
// not have are left out.
func Judge(r *Result) (all []Target) {
	for _, t := range cellTargets {
		if judged, ok := t.judge(r.Rows); ok {
			all = append(all, judged)
		}
	}
	if r.Many != nil {
		all = append(all, r.Many.judge()...)
	}
	return all
}

// cellTarget holds in each cell that has a value.
type cellTarget struct {
	what    string
	atMost  bool // else at least
	limit   float64
	applies func(Cell) bool
	value   func(Row) float64 // 0 for none
}

func toLxcfs(value func(*Ratios) float64) func(Row) float64 {
	return func(r Row) float64 { return of(r.ToLxcfs, value) }
}

func toNull(value func(*Ratios) float64) func(Row) float64 {
	return func(r Row) float64 { return of(r.ToNull, value) }
}

func of(r *Ratios, value func(*Ratios) float64) float64 {
	if r == nil {
		return 0
	}
	return value(r)
}

func p50(r *Ratios) float64 { return r.P50 }
func ops(r *Ratios) float64 { return r.OpsPerSec }
func cpu(r *Ratios) float64 { return r.CPU }

func every(Cell) bool                           { return true }
func withReaders(n int) func(Cell) bool         { return func(c Cell) bool { return c.Readers == n } }
func longLived(c Cell) bool                     { return c.Way != reader.Spawn }
func bigFile(c Cell) bool                       { return c.File == "meminfo" || c.File == "stat" }
func both(a, b func(Cell) bool) func(Cell) bool { return func(c Cell) bool { return a(c) && b(c) } }

// Starting a process takes longer than any read, so new processes say nothing
// about throughput; what they say about latency and CPU time counts.
var cellTargets = []cellTarget{
	{"p50, 1 reader: at most 1/3 of lxcfs", true, 1.0 / 3, withReaders(1), toLxcfs(p50)},
	{"ops/s, 4 readers: at least 4 x lxcfs", false, 4, both(withReaders(4), longLived), toLxcfs(ops)},
	{"server CPU per read: at most 1/5 of lxcfs", true, 1.0 / 5, every, toLxcfs(cpu)},
	{"p50 never above lxcfs", true, 1, every, toLxcfs(p50)},
	{"ops/s never below lxcfs", false, 1, longLived, toLxcfs(ops)},
	{"meminfo, stat: CPU at most 1.5 x null", true, 1.5, both(bigFile, longLived), toNull(cpu)},
	{"meminfo, stat, 4 readers: ops/s at least 0.7 x null", false, 0.7, both(both(bigFile, longLived), withReaders(4)), toNull(ops)},
}

func (t cellTarget) judge(rows []Row) (Target, bool) {
	cells, met, worst, where := 0, 0, 0.0, Cell{}
	floorCells, floorMet := 0, 0
	for _, r := range rows {
		v := t.value(r)
		if v == 0 || !t.applies(r.Cell) {
			continue
		}
		cells++
		if t.isMet(v) {
			met++
		}
		if cells == 1 || t.atMost && v > worst || !t.atMost && v < worst {
			worst, where = v, r.Cell
		}
		if floor := t.value(r.floor()); floor != 0 {
			floorCells++
			if t.isMet(floor) {
				floorMet++
			}
		}
	}
	measured := fmt.Sprintf("%.2f at worst; %d of %d cells meet it", worst, met, cells)
	if floorCells > 0 {
		measured += fmt.Sprintf(", the null server %d", floorMet)
	}
	return Target{What: t.what, Met: met == cells, Measured: measured, Where: where.String()}, cells > 0
}

func (t cellTarget) isMet(v float64) bool {
	return t.atMost && v <= t.limit || !t.atMost && v >= t.limit
}

// floor is the row of a podview that does nothing: no other FUSE server that
// reads the device as podview does is faster.
func (r Row) floor() Row {
	return NewRow(r.Cell, map[string]Figures{Podview: r.Figures[Null], Lxcfs: r.Figures[Lxcfs]})
}

func (c Cell) String() string {
	return fmt.Sprintf("%s, %s, %d readers, %d containers", c.File, c.Way, c.Readers, c.Containers)
}

// What the targets leave open: how much is flat, and how far is well under.
const (
	flatGrowth   = 1.25
	flatDrift    = 1.05
	fdLimitShare = 0.5
)

func (m *Many) judge() (all []Target) {
	for _, t := range []struct {
		what    string
		percent map[string]float64
		limit   float64
	}{
		{"idle, nobody reads: at most 0.05 % of a core", m.IdlePercent, 0.05},
		{"loadavg read once a minute: at most 1 % of a core", m.LoadavgPercent, 1},
	} {
		if ours, ok := t.percent[Podview]; ok {
			all = append(all, Target{
				What: t.what, Met: ours <= t.limit,
				Measured: fmt.Sprintf("%.3f %% (%s)", ours, others(t.percent, "%.3f %%")),
				Where:    fmt.Sprintf("%d containers of %d threads", m.Containers, m.ThreadsPerContainer),
			})
		}
	}
	return slices.Concat(all, m.judgeFirst(), m.judgeMemory(), m.judgeScale())
}

func others(by map[string]float64, format string) string {
	if theirs, ok := by[Lxcfs]; ok {
		return fmt.Sprintf("lxcfs "+format, theirs)
	}
	return "lxcfs not measured"
}

func (m *Many) judgeFirst() (all []Target) {
	var worst First
	for _, f := range m.First {
		if f.Server == Podview && (worst.File == "" || ratio(f.FirstP50Usec, f.WarmP50Usec) > ratio(worst.FirstP50Usec, worst.WarmP50Usec)) {
			worst = f
		}
	}
	if worst.File == "" {
		return nil
	}
	r := ratio(worst.FirstP50Usec, worst.WarmP50Usec)
	return []Target{{
		What: "a container's first read: at most 2 x a warm one", Met: r <= 2,
		Measured: fmt.Sprintf("%.2f at worst: %.0f us, warm %.0f us", r, worst.FirstP50Usec, worst.WarmP50Usec),
		Where:    fmt.Sprintf("%s, %d containers", worst.File, worst.Containers),
	}}
}
