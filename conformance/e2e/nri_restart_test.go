package e2e

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

const containerdPrograms = "^[^ ]*containerd --config"

// containerdRestarted: the plugin connects again, in the same process.
func containerdRestarted(s *space) {
	s.begin()
	s.pod("before", hardened("main", "128Mi"))
	s.sees("before", mebi128)
	connections, plugin := s.connections(), s.pluginPID()
	was := s.pids(containerdPrograms)
	if len(was) != 1 {
		s.Fatalf("the runtimes are %q", was)
	}
	// This command's own connection goes through it.
	try(30*time.Second, "", "-n", toolSpace, "exec", s.node.host, "--", "kill", was[0])
	s.until(60*time.Second, "containerd to be back", func() error {
		out, err := try(10*time.Second, "", "-n", toolSpace, "exec", s.node.host, "--", "pgrep", "-f", containerdPrograms)
		if now := strings.TrimSpace(out); err == nil && now == was[0] {
			err = errors.New("it is the one from before")
		}
		return err
	})
	s.sees("before", mebi128)
	s.connected(connections)
	if now := s.pluginPID(); now != plugin {
		s.Errorf("the plugin was process %s, and is %s", plugin, now)
	}
	s.pod("after", hardened("main", "128Mi"))
	s.sees("after", mebi128)
	s.mountedOnce("before")
	s.mountedOnce("after")
}

// twoGenerations: pods start while podview is rolled out, when two plugins of
// the same name answer the runtime. Readers meet no failure.
func twoGenerations(s *space) {
	s.begin()
	s.readers()
	s.mountedOnce("pod:one")
	// For as long, both generations are there.
	s.minReadySeconds("20")
	s.Cleanup(func() { s.minReadySeconds("0") })
	before := s.podviewPod()
	kube(s.T, time.Minute, "", "-n", "podview-system", "rollout", "restart", "daemonset")
	s.until(60*time.Second, "two plugins", func() error {
		if now := s.pids("^/podview nri"); len(now) != 2 {
			return fmt.Errorf("the plugin's processes are %q", now)
		}
		return nil
	})
	pods, withBoth := 0, 0
	s.until(3*time.Minute, "the rollout to end", func() error {
		name := fmt.Sprintf("during-%d", pods)
		s.pod(name, hardened("main", "128Mi"))
		pods++
		if len(s.pids("^/podview nri")) == 2 {
			withBoth++
		}
		s.comesToSee(name, mebi128)
		s.mountedOnce(name)
		s.neverRestarted(name)
		s.kubectl("delete", "pod", name, "--wait=false")
		if now := s.podviewPod(); now == before || strings.Contains(now, " ") {
			return fmt.Errorf("podview's pods are %q", now)
		}
		return nil
	})
	s.podviewReady(before)
	if withBoth == 0 {
		s.Error("no pod was started while there were two plugins")
	}
	s.Logf("%d pods were started, %d of them while there were two plugins", pods, withBoth)
	s.neverFailed()
	s.mountedOnce("pod:one")
	s.mountedOnce("pod:two")
}

func (s *space) minReadySeconds(n string) {
	s.Helper()
	kube(s.T, 30*time.Second, "", "-n", "podview-system", "patch", "daemonset", "podview", "--patch", `{"spec": {"minReadySeconds": `+n+`}}`)
}
