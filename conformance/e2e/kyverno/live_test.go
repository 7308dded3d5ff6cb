package kyverno

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/podview/podview/conformance/e2e/cluster"
	"github.com/podview/podview/conformance/e2e/image"
	"github.com/podview/podview/conformance/e2e/kubectl"
)

const (
	pod = `{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": %q}, "spec": {"containers": [{"name": "c", "image": "x"}]}}`
)

// running is the cluster in E2E_CLUSTER, that `make e2e-up` started, with
// Kyverno installed and a namespace that opted in.
func running(t *testing.T) (*Kyverno, kubectl.Client, string) {
	t.Helper()
	dir := os.Getenv("E2E_CLUSTER")
	if dir == "" {
		t.Skip("E2E_CLUSTER names no directory of a cluster")
	}
	c, err := cluster.Find(dir)
	if err != nil || c == nil {
		t.Fatal("no cluster runs in ", dir, err)
	}
	client := kubectl.Client(c.Command)
	logs, err := filepath.Abs(filepath.Join(dir, "kyverno"))
	if err != nil {
		t.Fatal(err)
	}
	k, err := Install(t.Context(), Config{Kubectl: client, Bin: c.Bin, Dir: logs, IP: cluster.NodeIP})
	if err != nil {
		t.Fatal(err)
	}
	namespace := fmt.Sprint("kyverno-", time.Now().UnixNano())
	do(t, client, "create", "namespace", namespace)
	do(t, client, "label", "namespace", namespace, "podview.dev/inject=enabled")
	do(t, client, "-n", namespace, "wait", "--for=create", "serviceaccount/default", "--timeout=30s")
	t.Cleanup(func() {
		// Not t.Context(), which has ended.
		client.Do(context.Background(), "delete", "namespace", namespace, "--wait=false")
	})
	return k, client, namespace
}

// component is absolute: a program that enters the cluster is in its root.
func component(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../../kustomize/components/policy-kyverno")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func do(t *testing.T, client kubectl.Client, args ...string) string {
	t.Helper()
	out, err := client.Do(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// admitted are the names of a pod's volumes, as the API server would store it.
func admitted(t *testing.T, client kubectl.Client, namespace, name string) []string {
	t.Helper()
	out, err := client.Input(t.Context(), []byte(fmt.Sprintf(pod, name)), "-n", namespace,
		"create", "--dry-run=server", "-f", "-", "-o", "jsonpath={.spec.volumes[*].name}")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(out)
}

func TestAdmission(t *testing.T) {
	k, client, namespace := running(t)
	if err := k.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer k.Stop()
	do(t, client, "apply", "--server-side", "-k", component(t))
	defer client.Do(context.Background(), "delete", "-k", component(t), "--wait=false")
	if err := k.WaitForPolicy(t.Context(), "clusterpolicy/podview-inject"); err != nil {
		t.Fatal(err)
	}
	if v := admitted(t, client, namespace, "opted-in"); !slices.Contains(v, "podview-meminfo") {
		t.Errorf("volumes of a pod that opted in: %q", v)
	}
	if v := admitted(t, client, "default", "not"); slices.Contains(v, "podview-meminfo") {
		t.Errorf("volumes of a pod that did not: %q", v)
	}
	k.Stop()
	if v := admitted(t, client, namespace, "stopped"); slices.Contains(v, "podview-meminfo") {
		t.Errorf("volumes while Kyverno is stopped: %q", v)
	}
	if err := k.Start(t.Context()); err != nil {
		t.Fatal("started again: ", err)
	}
	if v := admitted(t, client, namespace, "again"); !slices.Contains(v, "podview-meminfo") {
		t.Errorf("volumes once it is back: %q", v)
	}
}

// A pod that started while Kyverno was away has no files, and is reported.
func TestAudit(t *testing.T) {
	k, client, namespace := running(t)
	manifest := fmt.Sprintf(pod, "missed")
	manifest = strings.Replace(manifest, `"image": "x"`, `"image": "`+image.Pause+`", "imagePullPolicy": "Never"`, 1)
	if _, err := client.Input(t.Context(), []byte(manifest), "-n", namespace, "create", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	do(t, client, "-n", namespace, "wait", "--for=condition=Ready", "pod/missed", "--timeout=60s")
	if err := k.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer k.Stop()
	do(t, client, "apply", "--server-side", "-k", component(t))
	defer client.Do(context.Background(), "delete", "-k", component(t), "--wait=false")
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	const results = `{range .items[*]}{.scope.name} {range .results[*]}{.policy}={.result} {end}{"\n"}{end}`
	err := kubectl.Until(ctx, func() error {
		out, err := client.Do(ctx, "-n", namespace, "get", "policyreports", "-o", "jsonpath="+results)
		if err == nil && !strings.Contains(out, "missed podview-audit=fail") {
			err = fmt.Errorf("reports: %q", out)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
