package render

import (
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// pinnedOverlays stop the daemon on a node with another cgroup version. The
// others must not: it finds out by itself, and pods would wait for it.
var pinnedOverlays = []string{"overlays/cgroup-v1", "overlays/cgroup-v2", "overlays/mixed"}

func TestPins(t *testing.T) {
	for _, target := range append(overlays(t), "kustomize/base") {
		has := strings.Contains(string(build(t, repository, target)), "- --cgroup=")
		if want := slices.Contains(pinnedOverlays, target); has != want {
			t.Errorf("%s pins a cgroup version: %t", target, has)
		}
	}
	// What the documents and the GitOps objects name first.
	app := mustDocuments(t, read(t, "kustomize/gitops/argocd/application.yaml"))[0].object.Object
	if path, _, _ := unstructured.NestedString(app, "spec", "source", "path"); path != "overlays/kyverno" {
		t.Errorf("the Application takes %s", path)
	}
	flux := mustDocuments(t, read(t, "kustomize/gitops/flux/daemon.yaml"))[0].object.Object
	if strings.Contains(string(fluxBuild(t, copyTree(t), flux)), "- --cgroup=") {
		t.Error("the Kustomization pins a cgroup version")
	}
	for _, file := range []string{"README.md", "docs/install.md"} {
		for _, command := range append(fences(string(read(t, file)), "sh"), fences(string(read(t, file)), "bash")...) {
			for _, pinned := range pinnedOverlays {
				if strings.Contains(command, "-k "+pinned) {
					t.Errorf("%s takes %s", file, pinned)
				}
			}
		}
	}
}

// docs/install.md calculates with 500 nodes, one after the other.
func TestFluxWaitsForARollout(t *testing.T) {
	const nodes, each = 500, 15 * time.Second
	flux := mustDocuments(t, read(t, "kustomize/gitops/flux/daemon.yaml"))[0].object.Object
	text, _, err := unstructured.NestedString(flux, "spec", "timeout")
	if err != nil {
		t.Fatal(err)
	}
	timeout, err := time.ParseDuration(text)
	if err != nil || timeout < nodes*each {
		t.Errorf("Flux waits %q, %d nodes take %s: %v", text, nodes, nodes*each, err)
	}
	docs := string(read(t, "docs/install.md"))
	for _, want := range []string{"500 x 15 s = 125 minutes", "Flux waits 150 minutes", "`maxSurge: 34%`"} {
		if !strings.Contains(docs, want) {
			t.Errorf("docs/install.md does not say %q", want)
		}
	}
}
