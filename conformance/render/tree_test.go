package render

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the goldens anew; review the difference")

// repository is the checkout, from this package.
const repository = "../.."

// overlays are the directories that users build, below the repository.
func overlays(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(repository + "/overlays/*/kustomization.yaml")
	if err != nil || len(found) == 0 {
		t.Fatal("no overlays", err)
	}
	for i, path := range found {
		found[i], _ = filepath.Rel(repository, filepath.Dir(path))
	}
	return found
}

// targets are the overlays and what the Flux objects build.
func targets(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(repository + "/kustomize/components/policy-*")
	if err != nil || len(found) == 0 {
		t.Fatal("no policies", err)
	}
	for i, path := range found {
		found[i], _ = filepath.Rel(repository, path)
	}
	return slices.Concat(overlays(t), []string{"kustomize/base"}, found)
}

// kustomizations are all kustomization.yaml, below the repository.
func kustomizations(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, top := range []string{"kustomize", "overlays"} {
		err := fs.WalkDir(os.DirFS(repository), top, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Name() == "kustomization.yaml" {
				found = append(found, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(found) < 20 {
		t.Fatalf("only %d kustomizations", len(found))
	}
	return found
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(repository, path))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// copyTree copies what a GitOps tool would check out, since it writes there.
func copyTree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, top := range []string{"kustomize", "overlays"} {
		if err := os.CopyFS(filepath.Join(dir, top), os.DirFS(filepath.Join(repository, top))); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// document is one object of a multi-document text, without the separator.
type document struct {
	text   []byte
	object *unstructured.Unstructured
}

func (d document) String() string { return d.object.GetKind() + " " + d.object.GetName() }

func documents(text []byte) ([]document, error) {
	var all []document
	for _, part := range bytes.Split(append([]byte("\n"), text...), []byte("\n---\n")) {
		object := map[string]any{}
		if err := yaml.UnmarshalStrict(part, &object); err != nil {
			return nil, fmt.Errorf("%w in:\n%s", err, part)
		}
		if len(object) == 0 { // a comment alone
			continue
		}
		part = append(bytes.TrimSpace(part), '\n')
		all = append(all, document{part, &unstructured.Unstructured{Object: object}})
	}
	return all, nil
}

func mustDocuments(t *testing.T, text []byte) []document {
	t.Helper()
	all, err := documents(text)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// testName makes the name of a golden or subtest out of a path.
func testName(path string) string {
	return strings.ReplaceAll(strings.TrimPrefix(path, "overlays/"), "/", "-")
}
