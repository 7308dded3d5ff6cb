package e2e

import (
	"strings"
	"testing"
	"time"
)

// Both kinds of mounts in one cluster: a pod has hostPath volumes where it may,
// else the label. None has both, and nothing is mounted twice.
func TestNRIMixed(t *testing.T) {
	withNRI(t, nriMixed)
	volumesOnly, labelOnly := [2]bool{true, false}, [2]bool{false, true}
	for _, test := range []struct {
		name      string
		namespace map[string]string
		pod, spec string
		want      [2]bool // volumes, label
	}{
		{"hostPath", optedIn, "{}", hardened("main", "128Mi"), volumesOnly},
		{"hostPath and the user's label", nil, "{podview.dev/inject: enabled}", hardened("main", "128Mi"), [2]bool{true, true}},
		{"restricted", enforced("restricted"), "{}", hardened("main", "128Mi"), labelOnly},
		{"baseline", enforced("baseline"), "{}", hardened("main", "128Mi"), labelOnly},
		{"hostUsers false", optedIn, "{}", hardened("main", "128Mi", "hostUsers: false"), labelOnly},
	} {
		scenario(t, test.name, test.namespace, func(s *space) {
			s.connected(0)
			s.until(time.Minute, "the policy of the volumes", func() error { return injects("podview-meminfo") })
			if test.want == labelOnly {
				s.labelled(test.spec)
			}
			s.apply(s.manifest("pod", test.pod, test.spec))
			s.ready("pod/pod")
			stored := s.kubectl("get", "pod", "pod", "-o", "jsonpath={.metadata.labels} {.spec}")
			got := [2]bool{strings.Contains(stored, `"hostPath"`), strings.Contains(stored, `"podview.dev/inject":"enabled"`)}
			if got != test.want {
				s.Errorf("volumes and label are %v, want %v:\n%s", got, test.want, stored)
			}
			s.sees("pod", mebi128)
			if test.want == volumesOnly { // which are for every kernel
				s.mountedOnce("pod", "/proc/slabinfo", "/proc/swaps")
			} else {
				s.mountedOnce("pod")
			}
		})
	}
}
