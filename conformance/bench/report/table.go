package report

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// Table is the whole result as plain text.
func Table(r *Result) string {
	var b strings.Builder
	var last Cell
	for i, row := range r.Rows {
		if row.Containers != last.Containers || row.Way != last.Way || row.Readers != last.Readers {
			j := i
			for j < len(r.Rows) && r.Rows[j].Containers == row.Containers && r.Rows[j].Way == row.Way && r.Rows[j].Readers == row.Readers {
				j++
			}
			group(&b, r.Servers, r.Rows[i:j])
		}
		last = row.Cell
	}
	if r.Many != nil {
		r.Many.table(&b, r.Servers)
	}
	targets(&b, r.Targets)
	return b.String()
}

// columns aligns cells that tabs separate, numbers to the right.
func columns(b *strings.Builder) *tabwriter.Writer {
	return tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
}

// short is how a server is called in the table's head.
var short = map[string]string{Native: "kernel", Null: "null", Podview: "podview", Lxcfs: "lxcfs"}

// figure is a column group: one column for each server.
type figure struct {
	name   string
	format string
	value  func(Figures) float64
}

var figures = []figure{
	{"ops/s", "%9.0f", func(f Figures) float64 { return f.OpsPerSec }},
	{"p50 us", "%9.1f", func(f Figures) float64 { return f.P50Usec }},
	{"p99 us", "%9.0f", func(f Figures) float64 { return f.P99Usec }},
	{"server CPU us", "%9.1f", func(f Figures) float64 { return f.CPUUsec }},
}

var ratioColumns = []struct {
	name  string
	value func(Row) float64
}{
	{"p50/lx", toLxcfs(p50)}, {"ops/lx", toLxcfs(ops)}, {"CPU/lx", toLxcfs(cpu)},
	{"ops/null", toNull(ops)}, {"CPU/null", toNull(cpu)},
}

// group prints the rows of one way, number of readers and of containers.
func group(b *strings.Builder, servers []string, rows []Row) {
	c := rows[0].Cell
	fmt.Fprintf(b, "== %s, %d readers, %d containers", c.Way, c.Readers, c.Containers)
	for _, s := range servers {
		if s != Native {
			fmt.Fprintf(b, "; RSS of %s %.1f MiB", short[s], rows[len(rows)-1].Figures[s].RSSBytes/mebibyte)
		}
	}
	fmt.Fprintf(b, "\n%-10s", "")
	for _, f := range figures {
		fmt.Fprintf(b, " |%*s", 9*len(servers), f.name)
	}
	fmt.Fprintf(b, " | podview to lxcfs and to null\n%-10s", "file")
	for range figures {
		fmt.Fprint(b, " |")
		for _, s := range servers {
			fmt.Fprintf(b, "%9s", short[s])
		}
	}
	fmt.Fprint(b, " |")
	for _, r := range ratioColumns {
		fmt.Fprintf(b, "%9s", r.name)
	}
	fmt.Fprintln(b)
	for _, row := range rows {
		fmt.Fprintf(b, "%-10s", row.File)
		for _, f := range figures {
			fmt.Fprint(b, " |")
			for _, s := range servers {
				number(b, f.format, f.value(row.Figures[s]))
			}
		}
		fmt.Fprint(b, " |")
		for _, r := range ratioColumns {
			number(b, "%9.2f", r.value(row))
		}
		fmt.Fprintln(b)
	}
	fmt.Fprintln(b)
}

// number prints a figure; 0 is one that does not exist.
func number(b *strings.Builder, format string, v float64) {
	if v == 0 {
		fmt.Fprintf(b, "%9s", "-")
		return
	}
	fmt.Fprintf(b, format, v)
}

func (m *Many) table(b *strings.Builder, servers []string) {
	fmt.Fprintf(b, "== %d containers of %d threads: CPU, %% of a core\n", m.Containers, m.ThreadsPerContainer)
	w := columns(b)
	fmt.Fprintf(w, "server\tnobody has read (%.0f s)\tloadavg once a minute (%.0f s)\tnobody reads any more (%.0f s)\t\n", m.IdleSeconds, m.LoadavgSeconds, m.IdleSeconds)
	for _, s := range servers {
		if s != Native {
			fmt.Fprintf(w, "%s\t%.4f\t%.3f\t%.3f\t\n", short[s], m.IdlePercent[s], m.LoadavgPercent[s], m.AfterPercent[s])
		}
	}
	w.Flush()

	fmt.Fprintln(b, "\n== a container's first read, and its second")
	w = columns(b)
	fmt.Fprintln(w, "file\tserver\tcontainers\tfirst p50 us\twarm p50 us\tratio\tfirst CPU us\twarm CPU us\t")
	for _, f := range m.First {
		fmt.Fprintf(w, "%s\t%s\t%d\t%.0f\t%.0f\t%.2f\t%.0f\t%.0f\t\n", f.File, short[f.Server], f.Containers,
			f.FirstP50Usec, f.WarmP50Usec, ratio(f.FirstP50Usec, f.WarmP50Usec), f.FirstCPUUsec, f.WarmCPUUsec)
	}
	w.Flush()

	fmt.Fprintln(b, "\n== a read, when it is another container's turn every second time")
	w = columns(b)
	fmt.Fprintln(w, "file\tserver\tcontainers\tp50 us\tCPU us\tslope, CPU us per 1000\t")
	for i, s := range m.Scale {
		slope := ""
		if usec, _, ok := m.Slope(s.Server, s.File); ok && (i+1 == len(m.Scale) || m.Scale[i+1].Server != s.Server || m.Scale[i+1].File != s.File) {
			slope = fmt.Sprintf("%+.2f", usec)
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%.0f\t%.1f\t%s\t\n", s.File, short[s.Server], s.Containers, s.P50Usec, s.CPUUsec, slope)
	}
	w.Flush()

	fmt.Fprintln(b, "\n== what the servers hold")
	w = columns(b)
	fmt.Fprintln(w, "when\tserver\tRSS MiB\tPSS MiB\tdescriptors\tRSS MiB (descriptors) of each process\t")
	for _, held := range m.Memory {
		var each []string
		for _, p := range held.Processes {
			each = append(each, fmt.Sprintf("%s %.1f (%d)", p.Command, mib(p.RSSBytes), p.FDs))
		}
		fmt.Fprintf(w, "%s\t%s\t%.1f\t%.1f\t%d\t%s\t\n", held.When, short[held.Server], mib(held.RSSBytes), mib(held.PSSBytes), held.FDs, strings.Join(each, ", "))
	}
	w.Flush()
	fmt.Fprintln(b)
}

func targets(b *strings.Builder, all []Target) {
	fmt.Fprintln(b, "== targets")
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, t := range all {
		verdict := "MISSED"
		if t.Met {
			verdict = "met"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", verdict, t.What, t.Measured, t.Where)
	}
	w.Flush()
}
