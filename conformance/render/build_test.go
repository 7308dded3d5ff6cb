package render

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	fluxkustomize "github.com/fluxcd/pkg/kustomize"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/krusty"
	kustypes "sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// build is kustomize 5.8, which Argo CD runs too, with its restriction: no
// file from outside a kustomization's directory.
func build(t *testing.T, root, target string) []byte {
	t.Helper()
	resources, err := krusty.MakeKustomizer(&krusty.Options{
		Reorder:          krusty.ReorderOptionUnspecified,
		LoadRestrictions: kustypes.LoadRestrictionsRootOnly,
		PluginConfig:     kustypes.DisabledPluginConfig(),
	}).Run(filesys.MakeFsOnDisk(), filepath.Join(root, target))
	if err != nil {
		t.Fatalf("kustomize build %s: %v", target, err)
	}
	text, err := resources.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// fluxBuild does what kustomize-controller does with a Kustomization object:
// it writes the object's fields into path's kustomization.yaml, and builds.
func fluxBuild(t *testing.T, root string, object map[string]any) []byte {
	t.Helper()
	u := unstructured.Unstructured{Object: object}
	path, _, err := unstructured.NestedString(object, "spec", "path")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(root, path)
	if _, err := fluxkustomize.NewGenerator(root, u).WriteFile(dir); err != nil {
		t.Fatalf("Flux, %s: %v", path, err)
	}
	resources, err := fluxkustomize.SecureBuild(root, dir, false)
	if err != nil {
		t.Fatalf("Flux, %s: %v", path, err)
	}
	text, err := resources.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Flux's builder leaves Reorder empty, and so gets a warning about sortOptions
// at each build, in the log package.
func TestMain(m *testing.M) {
	log.SetOutput(io.Discard)
	os.Exit(m.Run())
}

// What Flux builds is what krusty builds.
func TestFluxAgrees(t *testing.T) {
	for _, target := range targets(t) {
		t.Run(testName(target), func(t *testing.T) {
			want := inOrder(t, target, build(t, repository, target))
			flux := fluxBuild(t, copyTree(t), map[string]any{"spec": map[string]any{"path": "./" + target}})
			if !bytes.Equal(inOrder(t, target, flux), want) {
				t.Errorf("Flux's output is not krusty's: %s", difference(flux, want))
			}
		})
	}
}

// So is what kubectl builds.
func TestKubectlAgrees(t *testing.T) {
	kubectl := os.Getenv("KUBECTL")
	if kubectl == "" {
		t.Skip("KUBECTL names no kubectl; make render does")
	}
	for _, target := range targets(t) {
		t.Run(testName(target), func(t *testing.T) {
			want := inOrder(t, target, build(t, repository, target))
			var stderr bytes.Buffer
			cmd := exec.Command(kubectl, "kustomize", target)
			cmd.Dir, cmd.Stderr = repository, &stderr
			if got, err := cmd.Output(); err != nil || !bytes.Equal(inOrder(t, target, got), want) {
				t.Errorf("kubectl kustomize: %v, %s, not krusty's output: %s", err, &stderr, difference(got, want))
			}
			if stderr.Len() > 0 { // deprecated fields are warned of here
				t.Errorf("kubectl kustomize warns: %s", &stderr)
			}
		})
	}
}

// inOrder sorts a component's objects: a component has no sortOptions, without
// which Flux keeps the order of the files and kubectl has one of its own.
func inOrder(t *testing.T, target string, text []byte) []byte {
	if !strings.HasPrefix(target, "kustomize/components/") {
		return text
	}
	var parts []string
	for _, d := range mustDocuments(t, text) {
		parts = append(parts, string(d.text))
	}
	slices.Sort(parts)
	return []byte(strings.Join(parts, "---\n"))
}

// difference is the first line that is not wanted.
func difference(got, want []byte) string {
	wanted := strings.Split(string(want), "\n")
	for i, line := range strings.Split(string(got), "\n") {
		if i >= len(wanted) || line != wanted[i] {
			return fmt.Sprintf("line %d is %q", i+1, line)
		}
	}
	return "lines are missing at the end"
}
