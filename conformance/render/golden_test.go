package render

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// policies are the generated objects, by kind and name, with their files.
func policies(t *testing.T) map[string]source {
	t.Helper()
	files, err := filepath.Glob(repository + "/kustomize/components/policy-*/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]source{}
	for _, path := range files {
		if filepath.Base(path) == "kustomization.yaml" {
			continue
		}
		path, _ = filepath.Rel(repository, path)
		for _, d := range mustDocuments(t, read(t, path)) {
			if other, twice := found[d.String()]; twice {
				t.Fatalf("%s is in %s and %s", d, other.path, path)
			}
			found[d.String()] = source{path, d}
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
		p, ok := generated[d.String()]
		if !ok {
			out.Write(d.text)
			continue
		}
		annotations := d.object.GetAnnotations()
		if wave := annotations[syncWave]; wave != "" {
			delete(annotations, syncWave)
			d.object.SetAnnotations(annotations)
			fmt.Fprintf(&out, "# annotated %s: %q\n", syncWave, wave)
		}
		if !reflect.DeepEqual(d.object.Object, p.object.Object) {
			t.Errorf("%s is not as in %s", d, p.path)
		}
		fmt.Fprintf(&out, "# %s: %s\n", p.path, d)
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
	known := map[string]bool{"argocd-application.yaml": true, "flux-daemon.yaml": true, "with-monitoring.yaml": true}
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

// The components that no overlay has, on one that most users start from.
func TestMonitoring(t *testing.T) {
	root := copyTree(t)
	dir := filepath.Join(root, "overlays", "with-monitoring")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	text := "resources: [../cgroup-v2]\ncomponents: [../../kustomize/components/monitoring, ../../kustomize/components/podmonitor]\n"
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	built := build(t, root, "overlays/with-monitoring")
	checkGolden(t, "with-monitoring", built)
	checkInvariants(t, built)
}
