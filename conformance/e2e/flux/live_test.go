package flux

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/podview/podview/conformance/e2e/cluster"
	"github.com/podview/podview/conformance/e2e/kubectl"
)

const repository = "../../.."

// TestSync applies what kustomize/gitops/flux offers, with two changes: the
// image is not pulled, and the daemon takes the cgroup version that it finds.
func TestSync(t *testing.T) {
	dir := os.Getenv("E2E_CLUSTER")
	if dir == "" {
		t.Skip("E2E_CLUSTER names no directory of a cluster")
	}
	c, err := cluster.Find(dir)
	if err != nil || c == nil {
		t.Fatal("no cluster runs in ", dir, err)
	}
	if dir, err = filepath.Abs(filepath.Join(dir, "flux")); err != nil {
		t.Fatal(err)
	}
	client := kubectl.Client(c.Command)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	f, err := Start(ctx, Config{Kubectl: client, Bin: c.Bin, Dir: dir, IP: cluster.NodeIP})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Stop()
	apply(t, client, "source-git.yaml", nil)
	if err := f.Publish(ctx, "podview", os.DirFS(repository), "kustomize"); err != nil {
		t.Fatal(err)
	}
	// Deleted with all that they made, while the controller runs.
	defer client.Do(context.Background(), "-n", Namespace, "delete", "kustomization", "podview-policies", "podview-daemon", "--timeout=60s")
	apply(t, client, "daemon.yaml", func(spec map[string]any) { spec["components"] = []string{"../components/local-image"} })
	apply(t, client, "policies-native.yaml", nil)
	for _, name := range []string{"podview-daemon", "podview-policies"} {
		revision, err := f.WaitReady(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(revision, "latest@sha256:") {
			t.Errorf("%s: revision %q", name, revision)
		}
	}
	for _, object := range []string{"-n podview-system daemonset/podview", "mutatingadmissionpolicy/podview-inject"} {
		if _, err := client.Do(ctx, append([]string{"get"}, strings.Fields(object)...)...); err != nil {
			t.Error(err)
		}
	}
}

// apply applies a file of kustomize/gitops/flux, its spec edited.
func apply(t *testing.T, client kubectl.Client, file string, edit func(spec map[string]any)) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, "kustomize/gitops/flux", file))
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := yaml.Unmarshal(text, &object); err != nil {
		t.Fatal(err)
	}
	if edit != nil {
		edit(object["spec"].(map[string]any))
	}
	if text, err = yaml.Marshal(object); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Input(t.Context(), text, "apply", "--server-side", "-f", "-"); err != nil {
		t.Fatal(err)
	}
}
