package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/kubectl-validate/pkg/openapiclient"
	"sigs.k8s.io/kubectl-validate/pkg/validator"
)

// schemas are the modules that have them, and where. A module is not imported:
// its archive in the module cache has the files, and the sum says that it is
// the one that was looked at.
var schemas = []struct{ module, sum, dir string }{
	{"k8s.io/kubernetes@v1.37.2", "h1:A2VDEiObzkYqFTKhSsn0ZEb0RlLEXpHWj93gi2HqEwE=", "api/openapi-spec/v3"},
	{"github.com/kyverno/kyverno@v1.19.1", "h1:/MkgFii3/VlQfKR1JpC9tVwNNVNQTt2S4U6qCsafsTU=", "config/crds/kyverno"},
	{"github.com/kyverno/kyverno@v1.19.1", "h1:/MkgFii3/VlQfKR1JpC9tVwNNVNQTt2S4U6qCsafsTU=", "config/crds/policies.kyverno.io"},
	{"github.com/argoproj/argo-cd/v3@v3.5.7", "h1:Xm1BF+I5OgDKUG3SDK49vn2/Y5AMyaNVko+/JT08gj0=", "manifests/crds"},
	{"github.com/fluxcd/kustomize-controller@v1.9.5", "h1:/XY2zy3K7fntyppEXIHG7oRMzmfgIt50eJzUfaPX1Kc=", "config/crd/bases"},
	{"github.com/fluxcd/source-controller@v1.9.5", "h1:MFPyCodUi9hZIMaKDsC/rYbNoyzpvrAdrPVixj7W9F0=", "config/crd/bases"},
	{"github.com/prometheus-operator/prometheus-operator@v0.85.0", "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=", "example/prometheus-operator-crd"},
}

var errUnavailable = errors.New("not in the module cache, and cannot be downloaded")

// moduleDir downloads a module, unless it is in the cache.
func moduleDir(module, sum string) (string, error) {
	cmd := exec.Command("go", "mod", "download", "-json", module)
	cmd.Dir = os.TempDir() // of no module
	out, err := cmd.Output()
	var m struct{ Dir, Sum, Error string }
	if jsonErr := json.Unmarshal(out, &m); err != nil || jsonErr != nil || m.Dir == "" {
		return "", fmt.Errorf("%s: %w: %v %v %s", module, errUnavailable, err, jsonErr, m.Error)
	}
	if m.Sum != sum {
		return "", fmt.Errorf("%s: its sum is %s, not %s", module, m.Sum, sum)
	}
	return m.Dir, nil
}

func newValidator(t *testing.T) *validator.Validator {
	t.Helper()
	native := t.TempDir()
	var crds []fs.FS
	for _, s := range schemas {
		dir, err := moduleDir(s.module, s.sum)
		if errors.Is(err, errUnavailable) {
			t.Skip(err)
		} else if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(dir, s.dir)
		if strings.HasPrefix(s.module, "k8s.io/") {
			copyNative(t, dir, native)
		} else {
			crds = append(crds, os.DirFS(dir))
		}
	}
	crds = append(crds, os.DirFS("testdata/crds"))
	v, err := validator.New(openapiclient.NewComposite(
		openapiclient.NewLocalSchemaFiles(os.DirFS(native)), openapiclient.NewLocalCRDFiles(crds...)))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// copyNative renames apis__GROUP__VERSION_openapi.json to the names that
// kubectl-validate looks for.
func copyNative(t *testing.T, from, to string) {
	t.Helper()
	files, err := filepath.Glob(from + "/api*__v*_openapi.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no schemas in ", from, err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), "_openapi.json")
		link := filepath.Join(to, strings.ReplaceAll(name, "__", "/")+".json")
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(file, link); err != nil {
			t.Fatal(err)
		}
	}
}

// validate is nil for an object that the API server would accept, as far as
// schemas say.
func validate(v *validator.Validator, text []byte) error {
	_, object, err := v.Parse(text)
	if err != nil {
		return err
	}
	return v.Validate(object)
}

// manifests are all that is applied: what is built, and the GitOps objects.
func manifests(t *testing.T) map[string][]document {
	t.Helper()
	all := map[string][]document{}
	for _, target := range targets(t) {
		all[target] = mustDocuments(t, build(t, repository, target))
	}
	for _, pattern := range []string{"kustomize/gitops/*/*.yaml", "kustomize/components/*/[^k]*.yaml"} {
		files, err := filepath.Glob(filepath.Join(repository, pattern))
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, file := range files {
			file, _ = filepath.Rel(repository, file)
			all[file] = mustDocuments(t, read(t, file))
		}
	}
	return all
}

func TestSchemas(t *testing.T) {
	v := newValidator(t)
	kinds := map[string]int{}
	done := map[string]bool{}
	for target, list := range manifests(t) {
		for _, d := range list {
			if done[string(d.text)] {
				continue
			}
			done[string(d.text)] = true
			kinds[d.object.GetKind()]++
			if err := validate(v, d.text); err != nil {
				t.Errorf("%s: %s: %s", target, d, reason(err))
			}
		}
	}
	t.Logf("validated: %v", kinds)
	for kind := range namespaced {
		if kinds[kind] == 0 {
			t.Errorf("no %s was validated", kind)
		}
	}
	for _, kind := range []string{"Application", "ApplicationSet", "GitRepository", "OCIRepository", "Kustomization", "ConfigMap"} {
		if kinds[kind] == 0 {
			t.Errorf("no %s was validated", kind)
		}
	}
}

// Every kind's schema is really looked at: an unknown field is refused.
func TestSchemasRefuse(t *testing.T) {
	v := newValidator(t)
	done := map[string]bool{}
	for _, list := range manifests(t) {
		for _, d := range list {
			kind := d.object.GetKind()
			if done[kind] {
				continue
			}
			done[kind] = true
			wrong := d.object.DeepCopy()
			wrong.Object["typo"] = "x"
			text, err := wrong.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			if err := validate(v, text); err == nil || !strings.Contains(reason(err), "typo") {
				t.Errorf("%s with an unknown field: %v", d, err)
			}
		}
	}
	for name, wrong := range map[string][3]string{
		"enum":     {"overlays/cgroup-v2", "failurePolicy: Ignore", "failurePolicy: Perhaps"},
		"type":     {"overlays/cgroup-v2", "privileged: true", "privileged: sure"},
		"required": {"overlays/native-admission", "policyName:", "policyNam:"},
	} {
		text := build(t, repository, wrong[0])
		if !bytes.Contains(text, []byte(wrong[1])) {
			t.Errorf("%s: no %q in %s", name, wrong[1], wrong[0])
		}
		var err error
		for _, d := range mustDocuments(t, bytes.ReplaceAll(text, []byte(wrong[1]), []byte(wrong[2]))) {
			err = errors.Join(err, validate(v, d.text))
		}
		if err == nil {
			t.Errorf("%s: %q was accepted", name, wrong[2])
		}
	}
}

// reason has the details, which the validator's errors keep to themselves.
func reason(err error) string {
	var status interface{ Status() metav1.Status }
	if errors.As(err, &status) {
		return fmt.Sprint(err, " ", status.Status().Details)
	}
	return err.Error()
}
