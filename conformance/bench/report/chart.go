package report

import (
	"fmt"
	"html"
	"strings"

	"github.com/podview/podview/conformance/bench/reader"
)

// Chart is an SVG of the files read by Open in the fewest containers, a panel
// for each of three figures.
func Chart(r *Result) string {
	panels := []panel{
		{"p50 of open + read + close, 1 reader, us (shorter is better)", rowsOf(r, 1), func(f Figures) float64 { return f.P50Usec }},
		{"reads per second, 4 readers (longer is better)", rowsOf(r, 4), func(f Figures) float64 { return f.OpsPerSec }},
		{"server CPU per read, 4 readers, us (shorter is better)", rowsOf(r, 4), func(f Figures) float64 { return f.CPUUsec }},
	}
	var body strings.Builder
	y := titlePx
	for _, p := range panels {
		y = p.draw(&body, y)
	}
	title := fmt.Sprintf("%s, kernel %s, %d CPUs, cgroup %s", r.Machine.Date, r.Machine.Kernel, r.Machine.CPUs, r.Machine.Cgroup)
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="11">
<rect width="100%%" height="100%%" fill="#ffffff"/>
<text x="%d" y="18" fill="#444444">%s</text>
%s</svg>
`, widthPx, y, marginPx, html.EscapeString(title), body.String())
}

// rowsOf are the rows of the chart: the first number of containers.
func rowsOf(r *Result, readers int) (rows []Row) {
	for _, row := range r.Rows {
		if row.Way == reader.Open && row.Readers == readers && row.Containers == r.Rows[0].Containers {
			rows = append(rows, row)
		}
	}
	return rows
}

type panel struct {
	title string
	rows  []Row
	value func(Figures) float64
}

const (
	widthPx   = 760
	titlePx   = 34
	marginPx  = 12
	labelPx   = 90 // the files' names
	valuePx   = 70 // room for the number behind the longest bar
	barPx     = 10
	barStepPx = 12
	gapPx     = 8
)

// bars are what is compared; the kernel's own files cost no server anything.
var bars = []struct{ server, colour string }{{Null, "#b0b0b0"}, {Podview, "#1a7f5a"}, {Lxcfs, "#c8642d"}}

// draw draws the panel from y downwards and returns where it ends.
func (p panel) draw(b *strings.Builder, y int) int {
	if len(p.rows) == 0 {
		return y
	}
	longest := 0.0
	for _, row := range p.rows {
		for _, bar := range bars {
			longest = max(longest, p.value(row.Figures[bar.server]))
		}
	}
	y += 16
	fmt.Fprintf(b, "<text x=\"%d\" y=\"%d\" font-weight=\"bold\">%s</text>\n", marginPx, y, html.EscapeString(p.title))
	x := widthPx - 210
	for _, bar := range bars {
		fmt.Fprintf(b, "<rect x=\"%d\" y=\"%d\" width=\"10\" height=\"10\" fill=\"%s\"/><text x=\"%d\" y=\"%d\">%s</text>\n", x, y-9, bar.colour, x+14, y, short[bar.server])
		x += 66
	}
	y += gapPx
	for _, row := range p.rows {
		fmt.Fprintf(b, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", labelPx, y+barStepPx+barPx-1, html.EscapeString(row.File))
		for _, bar := range bars {
			f, measured := row.Figures[bar.server]
			if !measured {
				continue
			}
			v := p.value(f)
			length := ratio(v, longest) * (widthPx - labelPx - gapPx - marginPx - valuePx)
			fmt.Fprintf(b, "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/><text x=\"%.1f\" y=\"%d\" font-size=\"9\">%.0f</text>\n",
				labelPx+gapPx, y, length, barPx, bar.colour, labelPx+gapPx+length+4, y+barPx-1, v)
			y += barStepPx
		}
		y += gapPx
	}
	return y + gapPx
}
