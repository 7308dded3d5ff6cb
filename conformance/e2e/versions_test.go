package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/podview/podview/conformance/e2e/cluster"
)

// TestReboot and what follows take the node away, so they come last: go test
// runs tests in the order of their files and lines.
func TestReboot(t *testing.T) {
	if running == nil {
		t.Skip("needs a cluster: make e2e")
	}
	// The second node would end with the first.
	for _, n := range slices.Backward(nodes) {
		aloneOn(t, n, "podview late", optedIn, reboot)
	}
}

// TestRuntime runs the node on other runtimes than containerd 2 and runc.
func TestRuntime(t *testing.T) {
	here := thisMachine(t)
	useNative(t)
	debian := os.Getenv("E2E_DEBIAN")
	if debian == "" {
		results.skip(t, "Debian's runtimes cannot be had here")
	}
	bin := filepath.Join(debian, "usr", "bin")
	old := node{"v1 containerd 1.6 runc 1.1", here.host}
	// This crun knows no OCI specification as new as containerd 2's.
	debians := cluster.Runtime{Containerd: bin, Runc: filepath.Join(debian, "usr", "sbin", "runc"), Crun: filepath.Join(bin, "crun"), PureV1: true}
	if into(t, old, debians) {
		aloneOn(t, old, "limits", optedIn, func(s *space) {
			s.pod("pod", limited)
			s.sees("pod", limitedView)
		})
		aloneOn(t, old, "rollout restart", optedIn, rollout)
		kube(t, time.Minute, "", "apply", "--server-side", "-k", checkout()+"/kustomize/components/policy-native-pressure")
		aloneOn(t, node{"v1 containerd 1.6 crun 1.8", here.host}, "pressure", optedIn, pressure)
	}
}

func thisMachine(t *testing.T) node {
	if running == nil {
		t.Skip("needs a cluster: make e2e")
	}
	if nodes[0].host != cluster.NodeName {
		results.skip(t, "E2E does not ask for this machine's node")
	}
	return nodes[0]
}

// into reboots the node into another runtime. A runtime that does not start is
// a failed row.
func into(t *testing.T, n node, r cluster.Runtime) bool {
	return t.Run("boot/"+n.name, func(t *testing.T) {
		start := time.Now()
		t.Cleanup(func() { results.add(t, "Runtime/boot", n.name, time.Since(start)) })
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		if err := running.ChangeRuntime(ctx, r); err != nil {
			t.Fatal(err)
		}
		waitForNode(t, n)
	})
}

// waitForNode waits until the pods that stay are there again.
func waitForNode(t testing.TB, n node) {
	t.Helper()
	err := poll(90*time.Second*n.patience(), func() error {
		_, err := try(10*time.Second*n.patience(), "", "-n", toolSpace, "exec", n.host, "--", "true")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// pressure: crun lets files of /proc/pressure be mounted, runc does not, so only
// pods of the RuntimeClass crun have them.
func pressure(s *space) {
	const crun = "runtimeClassName: crun" + limited
	s.apply("apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata: {name: crun}\nhandler: crun\n")
	s.until(30*time.Second, "the policy for pressure to inject", func() error {
		out, err := try(10*time.Second, macros.Replace(s.manifest("probe", "{}", crun)), "-n", s.name, "create", "--dry-run=server", "-o", "yaml", "-f", "-")
		if err == nil && !strings.Contains(out, "/proc/pressure/memory") {
			err = errors.New(out)
		}
		return err
	})
	s.pod("runc", limited)
	s.sees("runc", limitedView)
	if got := s.exec("runc", "cat", "/proc/self/mounts"); strings.Contains(got, "/proc/pressure") {
		s.Errorf("a pod without the class has mounts on /proc/pressure:\n%s", got)
	}
	s.pod("pod", crun)
	s.sees("pod", limitedView)
	for _, file := range []string{"cpu", "memory", "io"} {
		path := "/proc/pressure/" + file
		if got := s.exec("pod", "cat", path); !strings.HasPrefix(got, "some avg10=") {
			s.Errorf("%s has %q", path, got)
		}
		if got := s.exec("pod", "grep", " "+path+" ", "/proc/self/mounts"); !strings.Contains(got, "fuse.podview") {
			s.Errorf("%s is not podview's: %q", path, got)
		}
	}
}

// reboot: the pods come back before podview does. They start, see the node, and
// get the view when podview is there.
func reboot(s *space) {
	s.pod("pod", limited)
	s.sees("pod", limitedView)
	place(s, `{"podview.dev/nowhere": "true"}`)
	s.until(60*time.Second, "podview to leave the node", func() error {
		if now := s.podviewPod(); now != "" {
			return fmt.Errorf("pod %s is there", now)
		}
		return nil
	})
	before := s.started("pod")
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute*s.node.patience())
	defer cancel()
	boot := running.Reboot
	if s.node.host != cluster.NodeName {
		boot = second.Reboot
	}
	if err := boot(ctx); err != nil {
		s.Fatal(err)
	}
	waitForNode(s, s.node)
	s.until(90*time.Second, "the pod to be started again", func() error {
		if now := s.started("pod"); now == "" || now == before {
			return fmt.Errorf("started at %s, before at %s", now, before)
		}
		_, err := s.tryExec("pod", "true")
		return err
	})
	s.sees("pod", s.host())
	rebooted := s.started("pod")
	place(s, `{"podview.dev/nowhere": null}`)
	s.podviewReady("")
	s.comesToSee("pod", limitedView)
	if now := s.started("pod"); now != rebooted {
		s.Errorf("the pod's container started at %s, and at %s without a reboot", rebooted, now)
	}
}

// started is when the pod's container was.
func (s *space) started(pod string) string {
	s.Helper()
	return s.kubectl("get", "pod", pod, "-o", "jsonpath={.status.containerStatuses[*].state.running.startedAt}")
}

// place gives podview's DaemonSets a node selector.
func place(s *space, selector string) {
	s.Helper()
	for _, name := range strings.Fields(kube(s.T, 30*time.Second, "", "-n", "podview-system", "get", "daemonsets", "-o", "name")) {
		kube(s.T, 30*time.Second, "", "-n", "podview-system", "patch", name,
			"--patch", `{"spec": {"template": {"spec": {"nodeSelector": `+selector+`}}}}`)
	}
}

func (s *space) restarts(pod string) string {
	s.Helper()
	return s.kubectl("get", "pod", pod, "-o", "jsonpath={.status.containerStatuses[0].restartCount}")
}
