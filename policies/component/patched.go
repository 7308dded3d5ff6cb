package component

import (
	"fmt"
	"path/filepath"

	"github.com/podview/podview/policies/fixture"
	"github.com/podview/podview/policies/injection"
	"github.com/podview/podview/policies/manifest"
	"k8s.io/apimachinery/pkg/runtime"
)

// Patched are the patched.yaml of the suites below root/policies: what the
// pods of resource.yaml become.
func Patched(root string) ([]manifest.File, error) {
	var files []manifest.File
	for _, v := range []injection.Variant{injection.Everywhere(), injection.Pressure()} {
		policy := v.Name("podview-inject")
		s, err := fixture.Load(filepath.Join(root, "policies"), policy)
		if err != nil {
			return nil, err
		}
		var patched []runtime.Object
		for _, o := range s.Resources {
			if ok, err := fixture.Eligible(injection.DefaultRules(), s.Namespaces[o.GetNamespace()], o); err != nil {
				return nil, fmt.Errorf("%s: %s: %w", s.Dir, o.GetName(), err)
			} else if !ok {
				continue
			}
			injected, err := fixture.Inject(v, o)
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", s.Dir, o.GetName(), err)
			}
			patched = append(patched, injected)
		}
		documents, err := manifest.Documents(patched)
		if err != nil {
			return nil, err
		}
		files = append(files, manifest.File{
			Path:    filepath.Join("policies", policy, ".kyverno-test", "patched.yaml"),
			Content: append([]byte(notice), documents...),
		})
	}
	return files, nil
}
