package report

import (
	"fmt"
	"math"
)

// mebibyte is 2^20 bytes; RSS is counted in them.
const mebibyte = 1 << 20

// rssLimitMiB is the target for the holder and all workers together.
const rssLimitMiB = 25

func (m *Many) judgeMemory() (all []Target) {
	end, ok := m.memoryOf(Podview, AtTheEnd)
	if !ok {
		return nil
	}
	where := fmt.Sprintf("%d containers, %d processes", m.Containers, len(end.Processes))
	all = append(all, Target{
		What: "RSS of holder and workers: at most 25 MiB", Met: end.RSSBytes <= rssLimitMiB*mebibyte,
		Measured: fmt.Sprintf("%.1f MiB (proportional %.1f MiB)", mib(end.RSSBytes), mib(end.PSSBytes)), Where: where,
	})
	if early, ok := m.memoryOf(Podview, AllRead); ok {
		growth := ratio(float64(end.RSSBytes), float64(early.RSSBytes))
		all = append(all, Target{
			What: "RSS flat over time (drift at most 5 %)", Met: growth <= flatDrift,
			Measured: fmt.Sprintf("%.1f MiB when all had read, %.1f MiB at the end", mib(early.RSSBytes), mib(end.RSSBytes)), Where: where,
		})
	}
	return append(all, Target{
		What: "descriptors: at most half of the limit", Met: float64(end.MostFDs) <= fdLimitShare*float64(end.FDLimit),
		Measured: fmt.Sprintf("%d in one process, limit %d", end.MostFDs, end.FDLimit), Where: where,
	})
}

func mib(bytes int64) float64 { return float64(bytes) / mebibyte }

func (m *Many) judgeScale() (all []Target) {
	worst, text, where := 0.0, "", ""
	for _, file := range m.scaleFiles() {
		slope, growth, ok := m.Slope(Podview, file)
		if ok && growth > worst {
			worst, where = growth, file
			text = fmt.Sprintf("%.2f x; slope %+.2f us per 1000 containers", growth, slope)
		}
	}
	if text == "" {
		return nil
	}
	return []Target{{
		What: "CPU per read flat from 10 containers on (at most 1.25 x)", Met: worst <= flatGrowth,
		Measured: text, Where: fmt.Sprintf("%s, up to %d containers", where, m.most()),
	}}
}

func (m *Many) scaleFiles() (files []string) {
	seen := map[string]bool{}
	for _, s := range m.Scale {
		if !seen[s.File] {
			files = append(files, s.File)
		}
		seen[s.File] = true
	}
	return files
}

func (m *Many) most() (containers int) {
	for _, s := range m.Scale {
		containers = int(math.Max(float64(containers), float64(s.Containers)))
	}
	return containers
}
