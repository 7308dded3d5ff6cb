// Package metrics counts what podview did, for Prometheus.
package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
)

// Metrics is one daemon's counters.
type Metrics struct {
	registry   *prometheus.Registry
	reads      *prometheus.CounterVec
	fallbacks  *prometheus.CounterVec
	reattached *prometheus.CounterVec
	late       prometheus.Counter
	syscalls   *prometheus.GaugeVec
}

// New makes a fresh set, in a registry of its own.
func New() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		reads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "podview_reads_total",
			Help: "Files rendered, by the file's path in the view; parts of /sys under their directory's.",
		}, []string{"file"}),
		fallbacks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "podview_fallbacks_total",
			Help: "Reads answered with the host's own bytes because a stage failed.",
		}, []string{"file", "stage"}),
		reattached: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "podview_reattached_total",
			Help: "Mounts in running containers that were dead or the host's own, by what came of it: replaced or failed.",
		}, []string{"result"}),
		late: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "podview_late_total",
			Help: "Reads answered with the host's own bytes because they took longer than --read-deadline.",
		}),
		syscalls: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "podview_syscalls",
			Help: "Of the features in --syscalls: 1 where containers get their own answers, 0 where the kernel can't, and they get the host's.",
		}, []string{"feature"}),
	}
	m.registry.MustRegister(m.reads, m.fallbacks, m.reattached, m.late, m.syscalls)
	return m
}

// Registry is what a /metrics handler serves.
func (m *Metrics) Registry() *prometheus.Registry { return m.registry }

// Read is the counter of one file's reads; keep it, the lookup is slow.
func (m *Metrics) Read(file string) prometheus.Counter { return m.reads.WithLabelValues(file) }

// Fallback counts one read that showed the host.
func (m *Metrics) Fallback(file, stage string) { m.fallbacks.WithLabelValues(file, stage).Inc() }

// Late counts one read that took too long.
func (m *Metrics) Late() { m.late.Inc() }

// Syscall shows whether a feature of --syscalls works.
func (m *Metrics) Syscall(feature string, works bool) {
	value := 0.0
	if works {
		value = 1
	}
	m.syscalls.WithLabelValues(feature).Set(value)
}

// Workers shows how many workers the holder has let in: one, and one more for
// each that died or was handed the mount.
func (m *Metrics) Workers(count func() uint64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "podview_workers_total",
		Help: "Processes that came to serve this mount; each after the first has followed a crash or a hand-over.",
	}, func() float64 { return float64(count()) }))
}

// Lost shows how often the mount had to be made anew.
func (m *Metrics) Lost(count func() uint64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "podview_lost_mounts_total",
		Help: "Connections ended by somebody else (umount -f, the abort file of fusectl); each was followed by a new mount.",
	}, func() float64 { return float64(count()) }))
}

// Hung shows how many workers answered nothing.
func (m *Metrics) Hung(count func() uint64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "podview_hung_workers_total",
		Help: "Workers that were killed and replaced because they answered nothing while requests waited.",
	}, func() float64 { return float64(count()) }))
}

// Queued shows how many requests had to wait for their turn.
func (m *Metrics) Queued(count func() uint64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "podview_queued_total",
		Help: "Requests that waited for their container's turn, because more came than were answered.",
	}, func() float64 { return float64(count()) }))
}

// Reattached counts one container's mounts.
func (m *Metrics) Reattached(replaced, failed int) {
	m.reattached.WithLabelValues("replaced").Add(float64(replaced))
	m.reattached.WithLabelValues("failed").Add(float64(failed))
}
