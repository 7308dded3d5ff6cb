package render

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// policies are the generated objects, by kind and name, with their files. Some
// components have objects of the same name, so that no cluster has both.
func policies(t *testing.T) map[string][]source {
	t.Helper()
	files, err := filepath.Glob(repository + "/kustomize/components/policy-*/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]source{}
	for _, path := range files {
		if filepath.Base(path) == "kustomization.yaml" {
			continue
		}
		path, _ = filepath.Rel(repository, path)
		for _, d := range mustDocuments(t, read(t, path)) {
			found[d.String()] = append(found[d.String()], source{path, d})
		}
	}
	return found
}

type source struct {
	path string
	document
}

// Goldens show what an overlay applies. A policy is not in it again: it must be
// what was generated, which has its own check and review.
func golden(t *testing.T, text []byte) []byte {
	t.Helper()
	generated := policies(t)
	var out bytes.Buffer
	for _, d := range mustDocuments(t, text) {
		out.WriteString("---\n")
		sources := generated[d.String()]
		if len(sources) == 0 {
			out.Write(d.text)
			continue
		}
		annotations := d.object.GetAnnotations()
		if wave := annotations[syncWave]; wave != "" {
			delete(annotations, syncWave)
			d.object.SetAnnotations(annotations)
			fmt.Fprintf(&out, "# annotated %s: %q\n", syncWave, wave)
		}
		i := slices.IndexFunc(sources, func(p source) bool { return reflect.DeepEqual(d.object.Object, p.object.Object) })
		if i < 0 {
			t.Errorf("%s is not as in %s", d, sources[0].path)
			continue
		}
		fmt.Fprintf(&out, "# %s: %s\n", sources[i].path, d)
	}
	return out.Bytes()
}

const syncWave = "argocd.argoproj.io/sync-wave"

func checkGolden(t *testing.T, name string, text []byte) {
	t.Helper()
	got := golden(t, text)
	path := filepath.Join("testdata", name+".yaml")
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what is built (-update writes it): %s", path, difference(got, want))
	}
}

func TestGoldens(t *testing.T) {
	for _, target := range overlays(t) {
		t.Run(testName(target), func(t *testing.T) {
			checkGolden(t, testName(target), build(t, repository, target))
		})
	}
}

// A golden of an overlay that is gone is reviewed by nobody.
func TestNoOtherGoldens(t *testing.T) {
	known := map[string]bool{"argocd-application.yaml": true, "flux-daemon.yaml": true, "with-monitoring.yaml": true, "with-nri-pressure.yaml": true, "with-nri-time-namespace.yaml": true, "with-node-readiness.yaml": true}
	for _, target := range overlays(t) {
		known[testName(target)+".yaml"] = true
	}
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		if !known[filepath.Base(path)] {
			t.Errorf("%s belongs to no overlay", path)
		}
	}
}

// hostPath volumes and the label for all pods are not built together.
func TestEitherVolumesOrLabels(t *testing.T) {
	for _, backEnd := range []string{"kyverno", "mutatingpolicy", "native"} {
		dir := t.TempDir()
		link := func(name string) {
			if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join(repository, "kustomize/components", name))); err != nil {
				t.Fatal(err)
			}
		}
		try := func(components ...string) error {
			text := "components: [" + strings.Join(components, ", ") + "]\n"
			if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
			return err
		}
		volumes, labels, rest := "policy-"+backEnd, "policy-"+backEnd+"-label", "policy-"+backEnd+"-label-rest"
		for _, name := range []string{volumes, labels, rest} {
			link(name)
		}
		if err := try(volumes, labels); err == nil || !strings.Contains(err.Error(), "already registered id") {
			t.Errorf("%s and %s: %v", volumes, labels, err)
		}
		if err := try(volumes, rest); err != nil {
			t.Errorf("%s and %s: %v", volumes, rest, err)
		}
	}
}

// The components that no overlay has, on those that most users start from.
func TestMonitoring(t *testing.T) {
	with(t, "with-monitoring", "kyverno", "monitoring", "podmonitor")
}

func TestNRIPressure(t *testing.T) {
	with(t, "with-nri-pressure", "nri", "monitoring", "nri-pressure")
}

func TestNRITimeNamespace(t *testing.T) {
	with(t, "with-nri-time-namespace", "nri", "nri-pressure", "nri-time-namespace")
}

func TestNodeReadiness(t *testing.T) {
	with(t, "with-node-readiness", "nri", "node-readiness", "monitoring")
}

// with builds an overlay with more components.
func with(t *testing.T, name, overlay string, components ...string) {
	t.Helper()
	root := copyTree(t)
	dir := filepath.Join(root, "overlays", name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	text := "resources: [../" + overlay + "]\ncomponents:\n"
	for _, c := range components {
		text += "- ../../kustomize/components/" + c + "\n"
	}
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	built := build(t, root, "overlays/"+name)
	checkGolden(t, name, built)
	checkInvariants(t, built)
}
