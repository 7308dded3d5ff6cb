package render

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// gitops are the objects of kustomize/gitops/TOOL, by kind and name.
func gitops(t *testing.T, tool string) []*unstructured.Unstructured {
	t.Helper()
	files, err := filepath.Glob(repository + "/kustomize/gitops/" + tool + "/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("nothing for ", tool, err)
	}
	var all []*unstructured.Unstructured
	for _, file := range files {
		file, _ = filepath.Rel(repository, file)
		for _, d := range mustDocuments(t, read(t, file)) {
			all = append(all, d.object)
		}
	}
	return all
}

// A GitOps object names sources and Kustomizations that are here too. kyverno
// is the reader's own.
func TestFluxReferences(t *testing.T) {
	objects := gitops(t, "flux")
	names := []string{"Kustomization kyverno"}
	for _, o := range objects {
		names = append(names, o.GetKind()+" "+o.GetName())
	}
	checked := 0
	for _, o := range objects {
		var wanted []string
		if ref, ok, _ := unstructured.NestedStringMap(o.Object, "spec", "sourceRef"); ok {
			wanted = append(wanted, ref["kind"]+" "+ref["name"])
		}
		depends, _, _ := unstructured.NestedSlice(o.Object, "spec", "dependsOn")
		for _, d := range depends {
			wanted = append(wanted, "Kustomization "+d.(map[string]any)["name"].(string))
		}
		for _, w := range wanted {
			checked++
			if !slices.Contains(names, w) {
				t.Errorf("%s %s: there is no %s", o.GetKind(), o.GetName(), w)
			}
		}
	}
	if checked < 8 {
		t.Errorf("only %d references", checked)
	}
}

// The image, the sources of GitOps tools and the documents name one version.
func TestOneVersion(t *testing.T) {
	m := regexp.MustCompile(`newTag: (\S+)`).FindStringSubmatch(string(read(t, "kustomize/daemonset/kustomization.yaml")))
	if m == nil {
		t.Fatal("no newTag")
	}
	version := regexp.MustCompile(`[:= ](v\d+\.\d+\.\d+)\s`)
	for _, path := range []string{
		"kustomize/gitops/argocd/application.yaml", "kustomize/gitops/argocd/applicationset.yaml",
		"kustomize/gitops/flux/source-git.yaml", "kustomize/gitops/flux/source-oci.yaml", "docs/install.md", "Dockerfile", "kustomize/components/nri/kustomization.yaml", "docs/boot/talos.yaml",
	} {
		found := version.FindAllStringSubmatch(string(read(t, path)), -1)
		if len(found) == 0 {
			t.Errorf("%s names no version", path)
		}
		for _, f := range found {
			if f[1] != m[1] {
				t.Errorf("%s has %s, the image is %s", path, f[1], m[1])
			}
		}
	}
}

// The ApplicationSet's template, as its controller renders it for clusters
// with each overlay's name as label.
func TestApplicationSet(t *testing.T) {
	v := newValidator(t)
	set := slices.DeleteFunc(gitops(t, "argocd"), func(o *unstructured.Unstructured) bool { return o.GetKind() != "ApplicationSet" })[0]
	inner, _, err := unstructured.NestedMap(set.Object, "spec", "template")
	if err != nil || inner == nil {
		t.Fatal("no template", err)
	}
	inner["apiVersion"], inner["kind"] = set.GetAPIVersion(), "Application"
	text, err := yaml.Marshal(inner)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := template.New("").Option("missingkey=error").Parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range overlays(t) {
		var out strings.Builder
		if err := parsed.Execute(&out, map[string]any{
			"name": "Edge_1", "nameNormalized": "edge-1", "server": "https://edge-1.example.com",
			"metadata": map[string]any{"labels": map[string]any{"podview.dev/variant": filepath.Base(target)}},
		}); err != nil {
			t.Fatal(err)
		}
		app := mustDocuments(t, []byte(out.String()))[0]
		if path, _, _ := unstructured.NestedString(app.object.Object, "spec", "source", "path"); path != target {
			t.Errorf("the label %s gives the path %s", filepath.Base(target), path)
		}
		if err := validate(v, app.text); err != nil {
			t.Errorf("%s: %s", target, reason(err))
		}
	}
}
