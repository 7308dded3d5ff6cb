package render

import (
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// Argo CD runs `kustomize edit add component` for spec.source.kustomize, and
// then builds.
func TestArgoCDApplication(t *testing.T) {
	root := copyTree(t)
	app := mustDocuments(t, read(t, "kustomize/gitops/argocd/application.yaml"))[0].object.Object
	path, _, _ := unstructured.NestedString(app, "spec", "source", "path")
	components, _, err := unstructured.NestedStringSlice(app, "spec", "source", "kustomize", "components")
	if err != nil || len(components) == 0 {
		t.Fatal("the Application adds no components", err)
	}
	file := filepath.Join(root, path, "kustomization.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var k map[string]any
	if err := yaml.Unmarshal(text, &k); err != nil {
		t.Fatal(err)
	}
	for _, c := range components {
		k["components"] = append(k["components"].([]any), c)
	}
	if text, err = yaml.Marshal(k); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	built := build(t, root, path)
	checkGolden(t, "argocd-application", built)
	checkInvariants(t, built)
	for _, d := range mustDocuments(t, built) {
		_, isPolicy := policies(t)[d.String()]
		if wave := d.object.GetAnnotations()[syncWave]; isPolicy != (wave == "1") {
			t.Errorf("%s is in wave %q", d, wave)
		}
	}
}

// The wave's list of kinds has every kind of policy.
func TestWaves(t *testing.T) {
	for name := range policies(t) {
		root := copyTree(t)
		dir := filepath.Join(root, "overlays", "waves")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		component := filepath.Base(filepath.Dir(policies(t)[name][0].path))
		text := "components: [../../kustomize/components/" + component + ", ../../kustomize/components/argocd-sync-waves]\n"
		if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, d := range mustDocuments(t, build(t, root, "overlays/waves")) {
			if d.object.GetAnnotations()[syncWave] != "1" {
				t.Errorf("%s stays in wave 0", d)
			}
		}
	}
}

func TestFluxKustomizations(t *testing.T) {
	files, err := filepath.Glob(repository + "/kustomize/gitops/flux/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	built := 0
	for _, file := range files {
		file, _ = filepath.Rel(repository, file)
		object := mustDocuments(t, read(t, file))[0].object
		if object.GetKind() != "Kustomization" {
			continue
		}
		built++
		text := fluxBuild(t, copyTree(t), object.Object)
		checkInvariants(t, text)
		if name := object.GetName(); name == "podview-daemon" {
			checkGolden(t, "flux-daemon", text)
			continue
		}
		generated := policies(t)
		for _, d := range mustDocuments(t, text) {
			if _, ok := generated[d.String()]; !ok {
				t.Errorf("%s: %s is no policy", file, d)
			}
		}
		golden(t, text) // unchanged by Flux
	}
	if built < 4 {
		t.Errorf("only %d Kustomizations", built)
	}
}
