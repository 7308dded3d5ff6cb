package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/podview/podview/conformance/e2e/vmnode"
)

// TestPressure: on cgroup v2 a container has a pressure of its own. The node
// keeps crun in runc's place, so this comes last.
func TestPressure(t *testing.T) {
	if second == nil {
		t.Skip("there is no node with cgroup v2")
	}
	if secondCrun() == "" {
		t.Skip("Debian's crun cannot be had here")
	}
	useNative(t)
	kube(t, time.Minute, "", "apply", "--server-side", "-k", checkout()+"/kustomize/components/policy-native-pressure")
	onCrun := node{"v2 crun", vmnode.Name}
	scenarioOn(t, onCrun, "own", optedIn, func(s *space) {
		s.onHost("nsenter", "-t", "1", "-m", "mount", "--bind", "/usr/bin/crun", "/usr/bin/runc")
		pressure(s)
		// More than its half a CPU.
		s.exec("pod", "timeout", "3", "sh", "-c", "while :; do :; done & while :; do :; done")
		for _, resource := range []string{"cpu", "memory", "io"} {
			own, view := "/sys/fs/cgroup/"+resource+".pressure", "/proc/pressure/"+resource
			total := totals(s, s.exec("pod", "grep", "-h", "^some", own, view, own))
			if len(total) != 3 || total[1] < total[0] || total[1] > total[2] {
				s.Errorf("%s: before, in the view and after: %d µs", resource, total)
			}
			if resource == "cpu" && total[1] == 0 {
				s.Error("a container that wants more than its limit waits for no CPU")
			}
		}
	})
}

// totals are the microseconds of lines such as "some avg10=… total=123".
func totals(s *space, text string) []int {
	s.Helper()
	var all []int
	for line := range strings.Lines(text) {
		_, number, _ := strings.Cut(strings.TrimSpace(line), "total=")
		n, err := strconv.Atoi(number)
		if err != nil {
			s.Fatalf("%q: %v", line, err)
		}
		all = append(all, n)
	}
	return all
}

// secondCrun is the program, which debian.sh puts behind a script.
func secondCrun() string {
	if debian := os.Getenv("E2E_DEBIAN"); debian != "" {
		return filepath.Join(debian, "usr/bin/crun.debian")
	}
	return ""
}
