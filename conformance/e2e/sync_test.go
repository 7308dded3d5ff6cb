package e2e

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/podview/podview/conformance/e2e/cluster"
	"github.com/podview/podview/conformance/e2e/flux"
)

// TestFlux syncs the daemon and the native policies as docs/install.md has it,
// in place of what was applied by hand, and leaves them.
func TestFlux(t *testing.T) {
	if running == nil {
		t.Skip("needs a cluster: make e2e")
	}
	aloneOn(t, nodes[0], "sync", optedIn, func(s *space) {
		useNative(s)
		kube(s.T, time.Minute, "", "delete", "--ignore-not-found", "-k", checkout()+"/kustomize/components/policy-native")
		kube(s.T, time.Minute, "", "delete", "namespace", "podview-system")
		kube(s.T, time.Minute, "apiVersion: v1\nkind: Namespace\nmetadata: {name: flux-system}\n", "apply", "-f", "-")
		ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
		defer cancel()
		f, err := flux.Start(ctx, flux.Config{Kubectl: running.Command, Bin: running.Bin,
			Dir: filepath.Join(running.LogDir(), "flux"), IP: cluster.NodeIP})
		if err != nil {
			s.Fatal(err)
		}
		defer f.Stop()
		for _, file := range []string{"source-git.yaml", "daemon.yaml", "policies-native.yaml"} {
			text, err := os.ReadFile(filepath.Join(checkout(), "kustomize/gitops/flux", file))
			if err != nil {
				s.Fatal(err)
			}
			kube(s.T, 30*time.Second, string(text), "apply", "-f", "-")
		}
		if err := f.Publish(ctx, "podview", os.DirFS(checkout()), "kustomize"); err != nil {
			s.Fatal(err)
		}
		for _, kustomization := range []string{"podview-daemon", "podview-policies"} {
			revision, err := f.WaitReady(ctx, kustomization)
			if err != nil {
				s.Fatal(err)
			}
			s.Logf("%s is ready at %s", kustomization, revision)
		}
		s.until(time.Minute, "the policy to inject", func() error { return injects("podview-meminfo") })
		s.pod("pod", limited)
		s.sees("pod", limitedView)
	})
}
