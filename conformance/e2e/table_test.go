package e2e

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// results is the table that ends the run.
var results table

type table struct {
	mu   sync.Mutex
	rows []row
}

type row struct {
	scenario, node, result string
	took                   time.Duration
}

func (r *table) add(t *testing.T, scenario, node string, took time.Duration) {
	result := "ok"
	switch {
	case t.Failed():
		result = "FAILED"
	case t.Skipped(): // skip has told why
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows = append(r.rows, row{strings.TrimPrefix(scenario, "Test"), node, result, took})
}

// skip ends a test, or a scenario, that cannot run here.
func (r *table) skip(t *testing.T, why string) {
	t.Helper()
	r.mu.Lock()
	r.rows = append(r.rows, row{scenario: strings.TrimPrefix(t.Name(), "Test"), result: "skipped: " + why})
	r.mu.Unlock()
	t.Skip(why)
}

func (r *table) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var text strings.Builder
	fmt.Fprintf(&text, "%-40s %-27s %-8s %s\n", "scenario", "node", "result", "seconds")
	for _, row := range r.rows {
		fmt.Fprintf(&text, "%-40s %-27s %-8s %5.1f\n", row.scenario, row.node, row.result, row.took.Seconds())
	}
	return text.String()
}
