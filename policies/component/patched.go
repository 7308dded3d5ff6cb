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

// become is what a pod becomes in a namespace of these labels.
type become func(injection.Rules, map[string]string, *unstructured.Unstructured) (*unstructured.Unstructured, error)

// of is a variant's.
func of[V any](f func(V, injection.Rules, map[string]string, *unstructured.Unstructured) (*unstructured.Unstructured, error), v V) become {
	return func(r injection.Rules, namespace map[string]string, o *unstructured.Unstructured) (*unstructured.Unstructured, error) {
		return f(v, r, namespace, o)
	}
}

// Patched are the patched.yaml of the suites below root/policies: what the
// pods of resource.yaml become.
func Patched(root string) ([]manifest.File, error) {
	rules := injection.DefaultRules()
	var files []manifest.File
	for _, suite := range []struct {
		policy string
		pods   string // the suite that they are from
		rules  injection.Rules
		inject become
	}{
		{"podview-inject", "podview-inject", rules, of(fixture.Created, injection.Everywhere())},
		{"podview-inject-ephemeral", "podview-inject-ephemeral", rules, of(fixture.Updated, injection.Everywhere())},
		{"podview-inject-optional", "podview-inject-optional", rules, of(fixture.Created, injection.Optional())},
		{"podview-inject-pressure", "podview-inject-pressure", rules.OnlyCrun(), of(fixture.Created, injection.Pressure())},
		{"podview-label", "podview-label", rules, of(fixture.Labelled, injection.LabelsAll())},
		{"podview-label-rest", "podview-label", rules, of(fixture.Labelled, injection.LabelsRest())},
	} {
		s, err := fixture.Load(filepath.Join(root, "policies"), suite.pods)
		if err != nil {
			return nil, err
		}
		var patched []runtime.Object
		for _, o := range s.Resources {
			injected, err := suite.inject(suite.rules, s.Namespaces[o.GetNamespace()], o)
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
