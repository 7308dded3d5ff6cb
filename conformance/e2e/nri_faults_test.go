package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// The plugin, the runtime or the view is away: pods start, with the node's
// figures, and come to see their own when it is back. None is started again.
func TestNRIFaults(t *testing.T) {
	withNRI(t, nriOnly)
	restricted := enforced("restricted")
	alone(t, "plugin absent", restricted, pluginAbsent)
	alone(t, "plugin killed", restricted, func(s *space) {
		s.begin()
		s.pod("before", hardened("main", "128Mi"))
		s.sees("before", mebi128)
		killed := s.pluginPID()
		s.onHost("kill", "-9", killed)
		s.sees("before", mebi128)
		s.until(60*time.Second, "another plugin", func() error {
			if now := s.pids("^/podview-nri "); len(now) != 1 || now[0] == killed {
				return fmt.Errorf("its processes are %q", now)
			}
			return nil
		})
		s.connected(0)
		s.pod("after", hardened("main", "128Mi"))
		s.sees("after", mebi128)
		s.mountedOnce("before")
		s.mountedOnce("after")
	})
	alone(t, "plugin hung", restricted, func(s *space) {
		s.begin()
		before := s.connections()
		s.stop("^/podview-nri ")
		s.pod("pod", hardened("main", "128Mi"))
		s.sees("pod", s.host())
		s.goOn("^/podview-nri ")
		s.connected(before)
		s.comesToSee("pod", mebi128)
		s.neverRestarted("pod")
	})
	// Slow, but within the runtime's patience of 2 s.
	alone(t, "plugin slow", restricted, func(s *space) {
		s.begin()
		before, plugin := s.connections(), s.pluginPID()
		s.onHost("sh", "-c", "(for i in $(seq 30); do kill -STOP "+plugin+"; sleep 0.5; kill -CONT "+plugin+"; sleep 0.1; done) >/dev/null 2>&1 &")
		s.pod("pod", hardened("main", "128Mi"))
		s.comesToSee("pod", mebi128)
		if now := s.connections(); now != before {
			s.Errorf("the runtime has disconnected the plugin: it connected %d times, before %d", now, before)
		}
		s.mountedOnce("pod")
	})
	alone(t, "containerd restarted", restricted, containerdRestarted)
	alone(t, "two generations", optedIn, twoGenerations)
	alone(t, "view dead", restricted, viewDead)
	alone(t, "view hung", restricted, viewHung)
}

// stop stops the node's processes of these command lines, until goOn or the
// scenario's end.
func (s *space) stop(commandLines ...string) {
	s.Helper()
	s.Cleanup(func() { s.goOn(commandLines...) })
	s.signal("-STOP", commandLines...)
}

func (s *space) goOn(commandLines ...string) {
	s.Helper()
	s.signal("-CONT", commandLines...)
}

func (s *space) signal(signal string, commandLines ...string) {
	s.Helper()
	for _, c := range commandLines {
		if pids := s.pids(c); len(pids) > 0 {
			s.onHost(append([]string{"kill", signal}, pids...)...)
		}
	}
}

func (s *space) neverRestarted(pod string) {
	s.Helper()
	if n := s.restarts(pod); n != "0" {
		s.Errorf("%s was started again %s times", pod, n)
	}
}

// pluginAbsent: the DaemonSet has no plugin, and then it has.
func pluginAbsent(s *space) {
	s.begin()
	daemonSet := func(patch string) {
		s.Helper()
		before := s.podviewPod()
		kube(s.T, 30*time.Second, "", "-n", "podview-system", "patch", "daemonset", "podview", "--type=json", "--patch", patch)
		kube(s.T, 3*time.Minute*s.node.patience(), "", "-n", "podview-system", "rollout", "status", "daemonset/podview")
		s.podviewReady(before)
	}
	plugin := kube(s.T, 30*time.Second, "", "-n", "podview-system", "get", "daemonset", "podview", "-o", "jsonpath={.spec.template.spec.containers[1]}")
	if !strings.Contains(plugin, `"name":"nri"`) {
		s.Fatalf("the plugin's container is not the second one: %s", plugin)
	}
	daemonSet(`[{"op": "remove", "path": "/spec/template/spec/containers/1"}]`)
	s.pod("pod", hardened("main", "128Mi"))
	s.sees("pod", s.host())
	if got := s.viewMounts("pod"); len(got) > 0 {
		s.Errorf("without a plugin the pod has %q", got)
	}
	daemonSet(`[{"op": "add", "path": "/spec/template/spec/containers/-", "value": ` + plugin + `}]`)
	s.connected(0)
	s.comesToSee("pod", mebi128)
	s.mountedOnce("pod")
	s.neverRestarted("pod")
	log, err := s.pluginLog()
	if err != nil {
		s.Fatal(err)
	}
	took, err := between(log, `"Serving NRI"`, `"Attached the view to a running container" container="`+s.name+`/pod/main"`)
	if err != nil {
		s.Error(err)
	}
	s.Logf("attached %s after the plugin's start", took)
}

// between is the time from the first line of a log with this to the first one
// with that. Lines start with a time.
func between(log, this, that string) (time.Duration, error) {
	var at [2]time.Time
	for line := range strings.Lines(log) {
		for i, text := range []string{this, that} {
			if at[i].IsZero() && strings.Contains(line, text) {
				stamp, _, _ := strings.Cut(line, " ")
				var err error
				if at[i], err = time.Parse(time.RFC3339Nano, stamp); err != nil {
					return 0, err
				}
			}
		}
	}
	if at[0].IsZero() || at[1].IsZero() {
		return 0, fmt.Errorf("no %s, or no %s, in:\n%s", this, that, log)
	}
	return at[1].Sub(at[0]), nil
}

func TestBetween(t *testing.T) {
	const log = "2026-11-26T00:00:01.5Z begin\n2026-11-26T00:00:02.75Z end\n2026-11-26T00:00:09Z end\n"
	if got, err := between(log, "begin", "end"); got != 1250*time.Millisecond || err != nil {
		t.Errorf("got %s, %v", got, err)
	}
	for _, bad := range []string{"", "2026-11-26T00:00:01Z begin\n", "yesterday begin\ntoday end\n"} {
		if got, err := between(bad, "begin", "end"); err == nil {
			t.Errorf("%q is %s", bad, got)
		}
	}
}
