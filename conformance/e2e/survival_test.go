package e2e

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// reader reads for ever, and prints each change of what happens, with the time:
// "right", "host" (the node's figures), or "failed".
const reader = `i=0; was=; while :; do
if line=$(grep ^MemTotal: /proc/meminfo 2>/dev/null); then
case $line in *" 65536 kB") now=right;; *) now=host;; esac
else now=failed; fi
[ $now = "$was" ] || echo $now $(date +%s); was=$now
i=$((i+1)); echo $i >/reads; usleep 2000; done`

const readers = `
containers:
- {name: one, BUSYBOX, command: [sh, -c, READER], resources: {limits: {cpu: 100m, memory: 64Mi}, ` + small + `}}
- {name: two, BUSYBOX, command: [sh, -c, READER], resources: {limits: {cpu: 100m, memory: 64Mi}, ` + small + `}}`

func (s *space) readers() {
	s.Helper()
	s.pod("pod", strings.ReplaceAll(readers, "READER", strconv.Quote(reader)))
	s.sees("pod:one", limitedView)
	s.readOn()
}

// readOn waits until both readers have read 20 times more.
func (s *space) readOn() {
	s.Helper()
	for _, container := range []string{"pod:one", "pod:two"} {
		first := -1
		s.until(60*time.Second, container+" to go on reading", func() error {
			out, err := s.tryExec(container, "cat", "/reads")
			if err != nil {
				return err
			}
			// Empty between truncate and write.
			reads, err := strconv.Atoi(strings.TrimSpace(out))
			if err != nil {
				return err
			}
			if first < 0 {
				first = reads
			}
			if reads < first+20 {
				return fmt.Errorf("%d reads, then %d", first, reads)
			}
			return nil
		})
	}
}

// happened is what the two readers have met.
func (s *space) happened() [2]string {
	s.Helper()
	return [2]string{s.kubectl("logs", "pod", "-c", "one"), s.kubectl("logs", "pod", "-c", "two")}
}

func (s *space) neverFailed() {
	s.Helper()
	s.readOn()
	for _, log := range s.happened() {
		if strings.Count(log, "\n") != 1 || !strings.HasPrefix(log, "right ") {
			s.Errorf("a reader met:\n%s", log)
		}
	}
}

// failed tells whether a reader has met anything else than its own limit.
func (s *space) failed() bool {
	s.Helper()
	logs := s.happened()
	return strings.Count(logs[0], "\n") != 1 || strings.Count(logs[1], "\n") != 1
}

// rightNow: both readers read on, and what they read last is right.
func (s *space) rightNow() {
	s.Helper()
	s.readOn()
	for _, log := range s.happened() {
		lines := strings.Split(strings.TrimSpace(log), "\n")
		if !strings.HasPrefix(lines[len(lines)-1], "right ") {
			s.Errorf("a reader met:\n%s", log)
		}
		s.Logf("a reader met:\n%s", log)
	}
}

// healed: both readers, which saw failures, are right again. The log says how
// long that took from the start of podview's container, in whole seconds.
func (s *space) healed(before string) {
	s.Helper()
	s.until(60*time.Second, "a new container of podview", func() error {
		if now := s.podviewStarted(); now == "" || now == before {
			return fmt.Errorf("started at %s, before at %s", now, before)
		}
		return nil
	})
	s.until(60*time.Second, "the readers to be right again", func() error {
		for _, log := range s.happened() {
			lines := strings.Split(strings.TrimSpace(log), "\n")
			if len(lines) < 3 || !strings.HasPrefix(lines[len(lines)-1], "right ") {
				return fmt.Errorf("a reader met:\n%s", log)
			}
		}
		return nil
	})
	s.readOn()
	started, err := time.Parse(time.RFC3339, s.podviewStarted())
	if err != nil {
		s.Fatal(err)
	}
	for _, log := range s.happened() {
		last := strings.Fields(log)
		right, err := strconv.ParseInt(last[len(last)-1], 10, 64)
		if err != nil {
			s.Fatal(err)
		}
		s.Logf("right again %d s after podview's container started", right-started.Unix())
	}
	s.sees("pod:one", limitedView)
	s.sees("pod:two", limitedView)
}

// podviewPod is the one on the scenario's node.
func (s *space) podviewPod() string {
	s.Helper()
	return s.ofPodview("{.items[*].metadata.name}")
}

func (s *space) podviewStarted() string {
	s.Helper()
	return s.ofPodview("{.items[*].status.containerStatuses[*].state.running.startedAt}")
}

func (s *space) ofPodview(jsonpath string) string {
	s.Helper()
	return kube(s.T, 30*time.Second, "", "-n", "podview-system", "get", "pods", "-l", "app.kubernetes.io/name=podview",
		"--field-selector=spec.nodeName="+s.node.host, "-o", "jsonpath="+jsonpath)
}

// podviewReady waits until the scenario's node has one pod of podview, which is
// ready and not this one.
func (s *space) podviewReady(except string) {
	s.Helper()
	s.until(110*time.Second, "podview to be ready", func() error {
		name, ready := s.podviewPod(), s.ofPodview(`{.items[*].status.conditions[?(@.type=="Ready")].status}`)
		if name == "" || name == except || strings.Contains(name, " ") || ready != "True" {
			return fmt.Errorf("its pods are %q, ready %q", name, ready)
		}
		return nil
	})
}

func TestSurvival(t *testing.T) {
	alone(t, "worker killed", optedIn, func(s *space) {
		s.readers()
		for range 3 {
			// The oldest one serves, another one waits.
			serving := s.pids("^/podview worker")
			if len(serving) == 0 {
				s.Fatal("no worker is found")
			}
			s.onHost("kill", "-9", serving[0])
			s.until(30*time.Second, "another worker to serve", func() error {
				now := s.pids("^/podview worker")
				if len(now) < 2 || slices.Contains(now, serving[0]) {
					return fmt.Errorf("workers %v, now %v", serving, now)
				}
				return nil
			})
			s.readOn()
		}
		s.neverFailed()
	})
	alone(t, "rollout restart", optedIn, rollout)
	alone(t, "container killed", optedIn, func(s *space) {
		s.readers()
		before := s.podviewStarted()
		pids := s.pids("^/podview (serve|worker)")
		if len(pids) == 0 {
			s.Fatal("no process of podview is found")
		}
		// Workers end with their holder, some before kill comes to them. That
		// all have ended shows in what the readers meet.
		s.onHost("sh", "-c", "kill -9 "+strings.Join(pids, " ")+" || true")
		s.healed(before)
		s.podviewReady("")
	})
	alone(t, "pod deleted", optedIn, func(s *space) {
		s.readers()
		before := s.podviewStarted()
		name := s.podviewPod()
		kube(s.T, time.Minute*s.node.patience(), "", "-n", "podview-system", "delete", "pod", name)
		s.podviewReady(name)
		// Unless the next pod has started while this one was ending.
		if s.failed() {
			s.healed(before)
		}
		s.rightNow()
	})
}

func rollout(s *space) {
	s.readers()
	before := s.podviewPod()
	kube(s.T, time.Minute, "", "-n", "podview-system", "rollout", "restart", "daemonset")
	s.podviewReady(before)
	s.neverFailed()
}
