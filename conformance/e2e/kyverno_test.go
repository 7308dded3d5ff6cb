package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// Kyverno is away: pods start, and see the node. When it is back, its report
// names those that were missed.
func TestKyvernoStopped(t *testing.T) {
	needKyverno(t)
	alone(t, "missed and reported", optedIn, func(s *space) {
		policy.Stop()
		s.pod("missed", limited)
		s.sees("missed", s.host())
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
		defer cancel()
		if err := policy.Start(ctx); err != nil {
			s.Fatal(err)
		}
		s.until(time.Minute, "Kyverno to inject again", func() error { return injects("podview-meminfo") })
		s.pod("injected", limited)
		s.sees("injected", limitedView)
		s.until(3*time.Minute, "the report", func() error {
			missed, err := s.audit("missed")
			if err != nil || !strings.Contains(missed, "podview-audit=fail") {
				return fmt.Errorf("of the missed pod it says %q, %w", missed, err)
			}
			injected, err := s.audit("injected")
			if err != nil || !strings.Contains(injected, "podview-audit=pass") {
				return fmt.Errorf("of the injected pod it says %q, %w", injected, err)
			}
			return nil
		})
	})
}

// audit is what Kyverno's reports say of a pod: POLICY=RESULT.
func (s *space) audit(pod string) (string, error) {
	return try(30*time.Second, "", "-n", s.name, "get", "policyreports.wgpolicyk8s.io", "-o",
		`jsonpath={range .items[?(@.scope.name=="`+pod+`")].results[*]}{.policy}={.result} {end}`)
}

func needKyverno(t *testing.T) {
	if running != nil && policy == nil {
		results.skip(t, "POLICY=native: there is no Kyverno")
	}
}
