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
	// Until this is taken back the old generation stays.
	s.minReadySeconds("3600")
	s.Cleanup(func() { s.minReadySeconds("0") })
	before := s.podviewPod()
	kube(s.T, time.Minute, "", "-n", "podview-system", "rollout", "restart", "daemonset")
	s.until(60*time.Second, "two plugins", func() error {
		if now := s.pids("^/podview-nri "); len(now) != 2 {
			return fmt.Errorf("the plugin's processes are %q", now)
		}
		return nil
	})
	// The third one starts while the old generation ends.
	for _, name := range []string{"with-both-1", "with-both-2", "between"} {
		if name == "between" {
			s.minReadySeconds("0")
		} else if now := s.pids("^/podview-nri "); len(now) != 2 {
			s.Errorf("the plugin's processes are %q", now)
		}
		s.pod(name, hardened("main", "128Mi"))
		s.comesToSee(name, mebi128)
		s.mountedOnce(name)
		s.neverRestarted(name)
	}
	s.podviewReady(before)
	s.neverFailed()
	s.mountedOnce("pod:one")
	s.mountedOnce("pod:two")
}

func (s *space) minReadySeconds(n string) {
	s.Helper()
	kube(s.T, 30*time.Second, "", "-n", "podview-system", "patch", "daemonset", "podview", "--patch", `{"spec": {"minReadySeconds": `+n+`}}`)
}
