package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestNRIPressure: runc refuses a mount on /proc/pressure, so it is attached when
// the container runs.
func TestNRIPressure(t *testing.T) {
	withNRI(t, nriOnly, "nri-pressure")
	scenario(t, "attached", enforced("restricted"), func(s *space) {
		s.begin()
		s.pod("pod", hardened("main", "128Mi"))
		want := []string{"/proc/pressure/cpu", "/proc/pressure/io", "/proc/pressure/memory"}
		s.until(30*time.Second, "the pressure to be attached", func() error {
			if at := s.viewMounts("pod"); !contains(at, want) {
				return fmt.Errorf("it has %q", at)
			}
			return nil
		})
		for _, path := range want {
			if got := s.exec("pod", "cat", path); !strings.HasPrefix(got, "some avg10=") {
				s.Errorf("%s has %q", path, got)
			}
		}
		s.sees("pod", mebi128)
		s.mountedOnce("pod")
	})
}

func contains(all, some []string) bool {
	return !slices.ContainsFunc(some, func(one string) bool { return !slices.Contains(all, one) })
}
