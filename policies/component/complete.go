package component

import (
	"fmt"
	"path/filepath"

	"github.com/podview/podview/policies/fixture"
	"github.com/podview/podview/policies/injection"
	"github.com/podview/podview/policies/manifest"
	"k8s.io/apimachinery/pkg/runtime"
)

// Complete is complete.yaml of the audit's suite: the suite's first pod with
// every volume, and with all but the last.
func Complete(root string) (manifest.File, error) {
	s, err := fixture.Load(filepath.Join(root, "policies"), "podview-audit")
	if err != nil {
		return manifest.File{}, err
	}
	all := injection.Everywhere()
	pods := make([]runtime.Object, 2)
	for i, v := range []injection.Variant{all, {Mounts: all.Mounts[:len(all.Mounts)-1]}} {
		pod := s.Resources[0].DeepCopy()
		pod.SetName([]string{"has-volumes", "lacks-one"}[i])
		injected, err := fixture.Created(v, injection.DefaultRules(), s.Namespaces[pod.GetNamespace()], pod)
		if err != nil {
			return manifest.File{}, err
		}
		if injected == nil {
			return manifest.File{}, fmt.Errorf("%s: the first pod of resource.yaml is left alone", s.Dir)
		}
		pods[i] = injected
	}
	documents, err := manifest.Documents(pods)
	return manifest.File{
		Path:    filepath.Join("policies", "podview-audit", ".kyverno-test", "complete.yaml"),
		Content: append([]byte(notice), documents...),
	}, err
}
