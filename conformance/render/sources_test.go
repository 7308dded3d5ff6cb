package render

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// fields are those of a kustomization.yaml that this repository uses. What is
// missing is missing on purpose: namespace (stamped on cluster-scoped objects),
// deprecated ones (bases, commonLabels, vars, patchesStrategicMerge,
// patchesJson6902), replacements (replace a whole value where their delimiter
// is absent), helmCharts, generators, transformers.
var fields = []string{"apiVersion", "kind", "resources", "components", "patches", "images", "labels", "nameSuffix", "sortOptions"}

type kustomization struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Resources  []string `json:"resources"`
	Components []string `json:"components"`
}

func parse(t *testing.T, file string) (k kustomization, all map[string]any) {
	t.Helper()
	text := read(t, file)
	if err := yaml.UnmarshalStrict(text, &all); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if err := yaml.Unmarshal(text, &k); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return k, all
}

func TestKustomizationFields(t *testing.T) {
	for _, file := range kustomizations(t) {
		k, all := parse(t, file)
		for field := range all {
			if !slices.Contains(fields, field) {
				t.Errorf("%s: field %s", file, field)
			}
		}
		want := [2]string{"kustomize.config.k8s.io/v1beta1", "Kustomization"}
		if strings.HasPrefix(file, "kustomize/components/") {
			want = [2]string{"kustomize.config.k8s.io/v1alpha1", "Component"}
		}
		if got := [2]string{k.APIVersion, k.Kind}; got != want {
			t.Errorf("%s is a %v, not a %v", file, got, want)
		}
	}
}

// Outside its directory a kustomization names directories only: kubectl refuses
// files there, Flux does not. Nothing comes from the network.
func TestReferences(t *testing.T) {
	used := map[string]bool{}
	for _, file := range kustomizations(t) {
		k, _ := parse(t, file)
		for _, reference := range slices.Concat(k.Resources, k.Components) {
			target := path.Join(path.Dir(file), reference)
			info, err := os.Stat(filepath.Join(repository, target))
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			if !info.IsDir() && path.Dir(target) != path.Dir(file) {
				t.Errorf("%s: the file %s is outside its directory", file, reference)
			}
			used[target] = true
		}
	}
	// And no manifest lies about that nothing applies.
	for _, file := range kustomizations(t) {
		others, err := filepath.Glob(filepath.Join(repository, path.Dir(file), "*.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		for _, other := range others {
			name := path.Join(path.Dir(file), filepath.Base(other))
			if name != file && !used[name] && name != "overlays/talos/machine-config.yaml" {
				t.Errorf("%s: %s does not name it", name, file)
			}
		}
	}
}

func TestOverlaysAreSmall(t *testing.T) {
	const maxLines = 25
	for _, file := range kustomizations(t) {
		if lines := bytes.Count(read(t, file), []byte("\n")); strings.HasPrefix(file, "overlays/") && lines > maxLines {
			t.Errorf("%s has %d lines", file, lines)
		}
	}
}

// overlays/README.md has a row per overlay with its components, in order, and
// one per component.
func TestReadme(t *testing.T) {
	text := string(read(t, "overlays/README.md"))
	rows := map[string][]string{}
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		_, link, ok := strings.Cut(strings.TrimSuffix(strings.TrimSpace(cells[0]), ")"), "](")
		if ok && len(cells) > 1 {
			rows[path.Join("overlays", link)] = cells[1:]
		}
	}
	for _, target := range overlays(t) {
		k, _ := parse(t, target+"/kustomization.yaml")
		want := componentsOf(t, target, k)
		row := rows[target]
		if len(row) != 3 {
			t.Errorf("no row of 4 cells for %s in overlays/README.md, but %q", target, row)
			continue
		}
		if got := strings.TrimSpace(row[0]); got != strings.Join(want, ", ") {
			t.Errorf("%s has the components %q, its row says %q", target, want, got)
		}
		delete(rows, target)
	}
	components, err := filepath.Glob(repository + "/kustomize/components/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range components {
		name := "kustomize/components/" + filepath.Base(dir)
		if _, ok := rows[name]; !ok {
			t.Errorf("no row for the component %s in overlays/README.md", name)
		}
		delete(rows, name)
	}
	for name := range rows {
		t.Errorf("overlays/README.md has a row for %s, which is neither overlay nor component", name)
	}
}

// componentsOf includes those of the parts of an overlay.
func componentsOf(t *testing.T, dir string, k kustomization) []string {
	t.Helper()
	var names []string
	for _, resource := range k.Resources {
		part := path.Join(dir, resource)
		if strings.HasPrefix(part, dir+"/") {
			inner, _ := parse(t, part+"/kustomization.yaml")
			names = append(names, componentsOf(t, part, inner)...)
		}
	}
	for _, component := range k.Components {
		names = append(names, path.Base(component))
	}
	return names
}
