package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// nriOverlay is what is installed in place of the daemon and policies that the
// other tests have.
type nriOverlay struct {
	name string // in overlays, which are Kyverno's
	// native are the policies instead, where there is no Kyverno.
	native []string
}

var (
	nriOnly  = nriOverlay{"nri", []string{"policy-native-label"}}
	nriMixed = nriOverlay{"nri-mixed", []string{"policy-native", "policy-native-label-rest"}}
)

// kustomization is a directory for kubectl apply -k: the overlay with these
// components besides.
func (o nriOverlay) kustomization(t *testing.T, components ...string) string {
	t.Helper()
	dir := t.TempDir()
	up, err := filepath.Rel(dir, checkout())
	if err != nil {
		t.Fatal(err)
	}
	resource := "overlays/" + o.name
	if policy == nil {
		resource = "kustomize/base"
		components = append(append([]string{"nri"}, o.native...), components...)
	}
	text := "resources: [" + up + "/" + resource + "]\ncomponents:\n"
	for _, c := range components {
		text += "- " + up + "/kustomize/components/" + c + "\n"
	}
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// withNRI has an overlay in the cluster until the test ends.
func withNRI(t *testing.T, o nriOverlay, components ...string) {
	t.Helper()
	if running == nil {
		t.Skip("needs a cluster: make e2e")
	}
	dir := o.kustomization(t, components...)
	removePodview(t)
	t.Cleanup(func() {
		removePodview(t)
		if err := installAgain(); err != nil {
			t.Fatal("podview as the other tests have it: ", err)
		}
	})
	kube(t, time.Minute, "", "apply", "--server-side", "-k", dir)
	kube(t, 5*time.Minute, "", "-n", "podview-system", "rollout", "status", "daemonset/podview", "--timeout=4m")
	if policy != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		if err := policy.WaitForPolicy(ctx, clusterPolicy.object); err != nil {
			t.Fatal(err)
		}
	}
}

// removePodview ends the DaemonSets first: two of them on one node would take
// the mount from each other. The policies stay until others of their names come.
func removePodview(t *testing.T) {
	t.Helper()
	kube(t, 3*time.Minute, "", "-n", "podview-system", "delete", "daemonsets", "--all", "--cascade=foreground")
	try(time.Minute, "", "delete", "--ignore-not-found", "mutatingadmissionpolicies,mutatingadmissionpolicybindings", "--all")
	if policy != nil {
		kube(t, time.Minute, "", "delete", "--ignore-not-found", "clusterpolicies", "--all")
	}
}

func installAgain() error {
	ctx, cancel := context.WithTimeout(context.Background(), 6*time.Minute)
	defer cancel()
	if policy != nil {
		return installMixed(ctx)
	}
	return install(ctx, "native-admission", "podview")
}

// labelled waits until the policies label this namespace's pods of a spec.
func (s *space) labelled(spec string) {
	s.Helper()
	s.until(time.Minute, "the policy to label pods", func() error {
		out, err := try(10*time.Second, macros.Replace(s.manifest("probe", "{}", spec)), "-n", s.name, "create", "--dry-run=server", "-f", "-", "-o", "jsonpath={.metadata.labels}")
		if err == nil && !strings.Contains(out, `"podview.dev/inject":"enabled"`) {
			err = errors.New("its labels are " + out)
		}
		return err
	})
}

// pluginLog is of the plugin's container that runs now.
func (s *space) pluginLog() (string, error) {
	return try(30*time.Second, "", "-n", "podview-system", "logs", s.podviewPod(), "-c", "nri", "--timestamps")
}

// connections counts how often this plugin has connected to the runtime.
func (s *space) connections() int {
	s.Helper()
	log, err := s.pluginLog()
	if err != nil {
		s.Fatal(err)
	}
	return strings.Count(log, "Connected to the container runtime")
}

// connected waits until the plugin has done so more often than before.
func (s *space) connected(before int) {
	s.Helper()
	s.until(60*time.Second, "the plugin to connect", func() error {
		log, err := s.pluginLog()
		if n := strings.Count(log, "Connected to the container runtime"); err == nil && n <= before {
			err = fmt.Errorf("it did %d times:\n%s", n, log)
		}
		return err
	})
}

// pluginPID is that of the plugin on the node.
func (s *space) pluginPID() string {
	s.Helper()
	pids := s.pids("^/podview-nri ")
	if len(pids) != 1 {
		s.Fatalf("the plugin's processes are %q", pids)
	}
	return pids[0]
}

// hardened is the spec of a pod that Pod Security's restricted lets in.
func hardened(container, memory string, more ...string) string {
	return fmt.Sprintf(`
automountServiceAccountToken: false
securityContext: {runAsNonRoot: true, runAsUser: 1000, seccompProfile: {type: RuntimeDefault}}
containers:
- {name: %s, SLEEP, resources: {limits: {cpu: 500m, memory: %s}, %s}, %s}
%s`, container, memory, small, unprivileged, strings.Join(more, "\n"))
}

const unprivileged = `securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}`

func enforced(level string) map[string]string {
	return map[string]string{"podview.dev/inject": "enabled", "pod-security.kubernetes.io/enforce": level}
}
