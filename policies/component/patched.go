package component

import (
	"fmt"
	"path/filepath"

	"github.com/podview/podview/policies/fixture"
	"github.com/podview/podview/policies/injection"
	"github.com/podview/podview/policies/manifest"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// Patched are the patched.yaml of the suites below root/policies: what the
// pods of resource.yaml become.
func Patched(root string) ([]manifest.File, error) {
	rules := injection.DefaultRules()
	var files []manifest.File
	for _, suite := range []struct {
		policy string
		inject func(injection.Variant, injection.Rules, map[string]string, *unstructured.Unstructured) (*unstructured.Unstructured, error)
		v      injection.Variant
	}{
		{"podview-inject", fixture.Created, injection.Everywhere()},
		{"podview-inject-ephemeral", fixture.Updated, injection.Everywhere()},
		{"podview-inject-pressure", fixture.Created, injection.Pressure()},
	} {
		s, err := fixture.Load(filepath.Join(root, "policies"), suite.policy)
		if err != nil {
			return nil, err
		}
		var patched []runtime.Object
		for _, o := range s.Resources {
			injected, err := suite.inject(suite.v, rules, s.Namespaces[o.GetNamespace()], o)
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", s.Dir, o.GetName(), err)
			}
			if injected != nil {
				patched = append(patched, injected)
			}
		}
		documents, err := manifest.Documents(patched)
		if err != nil {
			return nil, err
		}
		files = append(files, manifest.File{
			Path:    filepath.Join("policies", suite.policy, ".kyverno-test", "patched.yaml"),
			Content: append([]byte(notice), documents...),
		})
	}
	return files, nil
}
