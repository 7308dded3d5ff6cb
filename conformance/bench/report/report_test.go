package report

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/podview/podview/conformance/bench/reader"
)

// sample is ops reads of usec each by some readers, which cost cpuUsec each.
func sample(readers, ops int, usec, cpuUsec float64) *Sample {
	s := &Sample{Ops: ops, Readers: readers, CPUNsec: int64(cpuUsec * 1e3 * float64(ops)), RSSBytes: 1 << 20}
	for range ops {
		s.Latency.Add(uint64(usec * 1e3))
		s.ThreadNsec += int64(usec * 1e3)
	}
	return s
}

func TestMedian(t *testing.T) {
	f := Median([]*Sample{sample(4, 100, 50, 20), sample(4, 10, 900, 700), sample(4, 100, 40, 10), {Readers: 4}})
	for what, pair := range map[string][2]float64{
		"ops/s": {f.OpsPerSec, 4e6 / 50}, "p50": {f.P50Usec, 50}, "p99": {f.P99Usec, 50}, "CPU": {f.CPUUsec, 20}, "RSS": {f.RSSBytes, 1 << 20},
	} {
		if math.Abs(pair[0]-pair[1]) > pair[1]*0.03 {
			t.Errorf("%s: %g, want %g", what, pair[0], pair[1])
		}
	}
	if f.Ops != 210 {
		t.Errorf("%d reads, want 210", f.Ops)
	}
	if even := median([]float64{1, 9, 3, 5}); even != 4 {
		t.Errorf("median of 1 3 5 9: %g", even)
	}
}

// example is a result that meets every target exactly, or nearly.
func example() *Result {
	r := &Result{Servers: []string{Native, Null, Podview, Lxcfs}}
	r.Machine = Machine{Date: "2026-01-02", Kernel: "6.1", CPUs: 2, Cgroup: "v1", LoadBefore: "1 1 1", LoadAfter: "2 2 2", Versions: map[string]string{Lxcfs: "5", Podview: "1"}}
	for _, way := range []string{reader.Open, reader.Pread, reader.Spawn} {
		for _, readers := range []int{1, 4} {
			for _, file := range []string{"meminfo", "uptime"} {
				one := func(usec, cpu float64) Figures {
					if way == reader.Spawn {
						return Figures{100, 500, usec, usec, cpu, 1 << 20}
					}
					return Median([]*Sample{sample(readers, 100, usec, cpu)})
				}
				native := one(8, 0)
				native.RSSBytes = 0
				r.Rows = append(r.Rows, NewRow(Cell{10, way, readers, file}, map[string]Figures{
					Native: native, Null: one(40, 20), Podview: one(45, 25), Lxcfs: one(200, 200),
				}))
			}
		}
	}
	r.Many = &Many{
		Containers: 1000, ThreadsPerContainer: 4, IdleSeconds: 10, LoadavgSeconds: 60, LoadavgReadings: 1000,
		IdlePercent:    map[string]float64{Null: 0, Podview: 0.01, Lxcfs: 0.8},
		LoadavgPercent: map[string]float64{Null: 0.01, Podview: 0.5, Lxcfs: 0.8},
		AfterPercent:   map[string]float64{Null: 0, Podview: 0.5, Lxcfs: 0.8},
	}
	for _, s := range r.Servers {
		r.Many.First = append(r.Many.First, First{s, "meminfo", 125, 90, 60, 50, 30})
		for i, n := range []int{10, 100, 1000} {
			r.Many.Scale = append(r.Many.Scale, Scale{s, "meminfo", n, 60, 30 + float64(i)})
		}
		for _, when := range []string{AtStart, AllRead, AtTheEnd} {
			if s != Native {
				r.Many.Memory = append(r.Many.Memory, Memory{when, s, 20 << 20, 15 << 20, 400, 300, 1024, []Process{{"serve", 20 << 20, 300}}})
			}
		}
	}
	r.Targets = Judge(r)
	return r
}

func TestTargetsThatAreMet(t *testing.T) {
	r := example()
	if len(r.Targets) != 14 {
		t.Errorf("%d targets, want 14", len(r.Targets))
	}
	for _, target := range r.Targets {
		if !target.Met {
			t.Errorf("missed: %+v", target)
		}
	}
}

// TestEachTargetCanBeMissed makes one figure bad at a time, in one cell.
func TestEachTargetCanBeMissed(t *testing.T) {
	row := func(c Cell, change func(*Figures)) func(*Result) {
		return func(r *Result) {
			for i := range r.Rows {
				if r.Rows[i].Cell == c {
					f := r.Rows[i].Figures[Podview]
					change(&f)
					r.Rows[i].Figures[Podview] = f
					r.Rows[i] = NewRow(c, r.Rows[i].Figures)
				}
			}
		}
	}
	memory := func(change func(*Memory)) func(*Result) {
		return func(r *Result) {
			for i, m := range r.Many.Memory {
				if m.Server == Podview && m.When == AtTheEnd {
					change(&r.Many.Memory[i])
				}
			}
		}
	}
	for _, test := range []struct {
		spoil  func(*Result)
		missed string // words of what is missed, "|" between
		where  string
	}{
		{row(Cell{10, reader.Pread, 1, "uptime"}, func(f *Figures) { f.P50Usec = 70 }), "1/3 of lxcfs", "uptime, pread, 1 readers, 10 containers"},
		{row(Cell{10, reader.Spawn, 1, "uptime"}, func(f *Figures) { f.P50Usec = 201 }), "1/3 of lxcfs|never above lxcfs", "uptime, process, 1 readers, 10 containers"},
		{row(Cell{10, reader.Open, 4, "uptime"}, func(f *Figures) { f.OpsPerSec /= 4 }), "4 x lxcfs", "uptime, open"},
		{row(Cell{10, reader.Open, 4, "uptime"}, func(f *Figures) { f.OpsPerSec /= 9 }), "4 x lxcfs|never below lxcfs", "uptime, open"},
		{row(Cell{10, reader.Spawn, 4, "uptime"}, func(f *Figures) { f.CPUUsec = 41 }), "1/5 of lxcfs", "uptime, process"},
		{row(Cell{10, reader.Open, 1, "meminfo"}, func(f *Figures) { f.CPUUsec = 31 }), "1.5 x null", "meminfo, open"},
		{row(Cell{10, reader.Pread, 4, "meminfo"}, func(f *Figures) { f.OpsPerSec *= 0.7 }), "4 x lxcfs|0.7 x null", "meminfo, pread"},
		{func(r *Result) { r.Many.IdlePercent[Podview] = 0.06 }, "0.05 %", ""},
		{func(r *Result) { r.Many.LoadavgPercent[Podview] = 1.1 }, "once a minute", ""},
		{func(r *Result) { r.Many.First[2].FirstP50Usec = 121 }, "first read", "meminfo, 125"},
		{memory(func(m *Memory) { m.RSSBytes = 26 << 20 }), "25 MiB|flat over time", ""},
		{memory(func(m *Memory) { m.MostFDs = 513 }), "half of the limit", ""},
		{func(r *Result) { r.Many.Scale[8].CPUUsec = 38 }, "1.25 x", "meminfo, up to 1000"},
	} {
		r := example()
		test.spoil(r)
		var missed []Target
		for _, target := range Judge(r) {
			if !target.Met {
				missed = append(missed, target)
			}
		}
		words := strings.Split(test.missed, "|")
		if len(missed) != len(words) {
			t.Errorf("%s: missed %+v", test.missed, missed)
			continue
		}
		for i, target := range missed {
			if !strings.Contains(target.What, words[i]) || !strings.Contains(target.Where, test.where) {
				t.Errorf("%s: missed %+v", test.missed, target)
			}
		}
	}
}

// TestFloor: a target says in how many cells a server of constant bytes meets
// it; of those that are about that server it does not.
func TestFloor(t *testing.T) {
	r := example()
	slow := r.Rows[0].Figures[Null]
	slow.P50Usec = 100 // lxcfs: 200
	r.Rows[0].Figures[Null] = slow
	for what, want := range map[string]string{
		"1/3 of lxcfs":       "6 of 6 cells meet it, the null server 5",
		"never above lxcfs":  "12 of 12 cells meet it, the null server 12",
		"CPU at most 1.5 x ": "4 of 4 cells meet it",
	} {
		for _, target := range Judge(r) {
			if strings.Contains(target.What, what) && !strings.HasSuffix(target.Measured, want) {
				t.Errorf("%+v, want %s", target, want)
			}
		}
	}
}

func TestSlope(t *testing.T) {
	m := &Many{Scale: []Scale{{Podview, "stat", 10, 0, 30}, {Podview, "stat", 1000, 0, 36}, {Lxcfs, "stat", 1000, 0, 900}}}
	if slope, growth, ok := m.Slope(Podview, "stat"); !ok || math.Abs(slope-6/0.99) > 0.001 || growth != 1.2 {
		t.Errorf("%g us per 1000, %g x, %t", slope, growth, ok)
	}
	if _, _, ok := m.Slope(Lxcfs, "stat"); ok {
		t.Error("one point has a slope")
	}
}

func TestCompleteFindsWhatIsMissing(t *testing.T) {
	var cells []Cell
	for _, row := range example().Rows {
		cells = append(cells, row.Cell)
	}
	if err := Complete(example(), cells); err != nil {
		t.Fatal(err)
	}
	for what, spoil := range map[string]func(*Result){
		"a row":     func(r *Result) { r.Rows = r.Rows[1:] },
		"a server":  func(r *Result) { delete(r.Rows[3].Figures, Lxcfs) },
		"CPU time":  func(r *Result) { r.Rows[3].Figures[Null] = Figures{1, 1, 1, 1, 0, 1} },
		"memory":    func(r *Result) { r.Many.Memory = r.Many.Memory[1:] },
		"first":     func(r *Result) { r.Many.First = r.Many.First[:3] },
		"scale":     func(r *Result) { r.Many.Scale = r.Many.Scale[3:] },
		"idle":      func(r *Result) { delete(r.Many.IdlePercent, Lxcfs) },
		"loadavg":   func(r *Result) { r.Many.LoadavgPercent[Podview] = 0 },
		"targets":   func(r *Result) { r.Targets = nil },
		"the load":  func(r *Result) { r.Machine.LoadAfter = "" },
		"reads":     func(r *Result) { r.Many.LoadavgReadings = 0 },
		"quantiles": func(r *Result) { r.Rows[0].Figures[Null] = Figures{1, 1, 5, 4, 1, 1} },
	} {
		r := example()
		spoil(r)
		if Complete(r, cells) == nil {
			t.Errorf("without %s it is complete", what)
		}
	}
}

func TestResultSurvivesJSON(t *testing.T) {
	text, err := json.Marshal(example())
	back := &Result{}
	if err = errors.Join(err, json.Unmarshal(text, back)); err != nil || !reflect.DeepEqual(back, example()) {
		t.Errorf("%v\n%s", err, text)
	}
}

func TestDocuments(t *testing.T) {
	r := example()
	document := Document(r, "## By hand\n\nkept\n")
	for _, want := range []string{"2026-01-02", "6.1", "| lxcfs | 5 |", "## By hand\n\nkept\n", ChartFile, "| met | p50, 1 reader", "== pread, 4 readers, 10 containers", "2 2 2"} {
		if !strings.Contains(document, want) {
			t.Errorf("no %q in\n%s", want, document)
		}
	}
	chart := xml.NewDecoder(strings.NewReader(Chart(r)))
	bars := map[string]int{}
	for {
		token, err := chart.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "rect" {
			for _, a := range start.Attr {
				if a.Name.Local == "fill" {
					bars[a.Value]++
				}
			}
		}
	}
	// Three panels of two files, and a legend for each.
	if want := "map[#1a7f5a:9 #b0b0b0:9 #c8642d:9 #ffffff:1]"; fmt.Sprint(bars) != want {
		t.Errorf("bars %v, want %s", bars, want)
	}
}
