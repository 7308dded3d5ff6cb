package e2e

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/podview/podview/conformance/e2e/kubectl"
)

// argocdModule has Argo CD's CRDs, in the version that conformance/render
// checks by. Argo CD itself does not run here.
const argocdModule = "github.com/argoproj/argo-cd/v3@v3.5.7"

// TestArgoCD: the API server accepts kustomize/gitops/argocd once it knows Argo
// CD's kinds, and does not accept just anything.
func TestArgoCD(t *testing.T) {
	if running == nil {
		t.Skip("needs a cluster: make e2e")
	}
	aloneOn(t, nodes[0], "accepted", nil, func(s *space) {
		crds := filepath.Join(argocdDir(s.T), "manifests/crds")
		kube(s.T, time.Minute, "", "apply", "--server-side", "-k", crds)
		defer kube(s.T, time.Minute, "", "delete", "--wait=false", "-k", crds)
		if err := kubectl.Client(running.Command).Established(s.Context()); err != nil {
			s.Fatal(err)
		}
		kube(s.T, time.Minute, "apiVersion: v1\nkind: Namespace\nmetadata: {name: argocd}\n", "apply", "-f", "-")
		defer kube(s.T, time.Minute, "", "delete", "--wait=false", "namespace", "argocd")
		for _, file := range []string{"application.yaml", "applicationset.yaml", "argocd-cm.yaml"} {
			path := filepath.Join(checkout(), "kustomize/gitops/argocd", file)
			// Server-side, which refuses unknown fields.
			kube(s.T, time.Minute, "", "apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", path)
		}
		const wrong = `{"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "wrong", "namespace": "argocd"},
			"spec": {"project": "default", "destination": {}, "sauce": {}}}`
		_, err := try(time.Minute, wrong, "apply", "--server-side", "--dry-run=server", "-f", "-")
		if err == nil || !strings.Contains(err.Error(), "sauce") {
			s.Errorf("a wrong field: %v", err)
		}
	})
}

func argocdDir(t *testing.T) string {
	t.Helper()
	download := exec.Command("go", "mod", "download", "-json", argocdModule)
	download.Dir = t.TempDir() // of no module
	out, err := download.Output()
	var module struct{ Dir, Error string }
	if jsonErr := json.Unmarshal(out, &module); jsonErr != nil || module.Dir == "" {
		results.skip(t, fmt.Sprintf("%s cannot be downloaded: %v %v %s", argocdModule, err, jsonErr, module.Error))
	}
	return module.Dir
}
