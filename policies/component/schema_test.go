package component

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/podview/podview/policies/fixture"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"sigs.k8s.io/yaml"
)

// TestSchema does with Kyverno's CRDs what the API server does: an object
// must be valid, have no field that is dropped, and lack no default, or else
// GitOps tools see a difference for ever.
func TestSchema(t *testing.T) {
	for file, crd := range map[string]string{
		"policy-kyverno/inject.yaml":                   "kyverno/kyverno.io_clusterpolicies.yaml",
		"policy-kyverno/audit.yaml":                    "kyverno/kyverno.io_clusterpolicies.yaml",
		"policy-kyverno-why/why.yaml":                  "kyverno/kyverno.io_clusterpolicies.yaml",
		"policy-kyverno-label-why/why.yaml":            "kyverno/kyverno.io_clusterpolicies.yaml",
		"policy-mutatingpolicy-why/why.yaml":           "policies.kyverno.io/policies.kyverno.io_validatingpolicies.yaml",
		"policy-mutatingpolicy-label-why/why.yaml":     "policies.kyverno.io/policies.kyverno.io_validatingpolicies.yaml",
		"policy-kyverno-optional/inject.yaml":          "kyverno/kyverno.io_clusterpolicies.yaml",
		"policy-mutatingpolicy-optional/inject.yaml":   "policies.kyverno.io/policies.kyverno.io_mutatingpolicies.yaml",
		"policy-kyverno-pressure/inject.yaml":          "kyverno/kyverno.io_clusterpolicies.yaml",
		"policy-mutatingpolicy/inject.yaml":            "policies.kyverno.io/policies.kyverno.io_mutatingpolicies.yaml",
		"policy-mutatingpolicy/audit.yaml":             "policies.kyverno.io/policies.kyverno.io_validatingpolicies.yaml",
		"policy-mutatingpolicy-pressure/inject.yaml":   "policies.kyverno.io/policies.kyverno.io_mutatingpolicies.yaml",
		"policy-kyverno-label/inject.yaml":             "kyverno/kyverno.io_clusterpolicies.yaml",
		"policy-kyverno-label/audit.yaml":              "kyverno/kyverno.io_clusterpolicies.yaml",
		"policy-kyverno-label-rest/inject.yaml":        "kyverno/kyverno.io_clusterpolicies.yaml",
		"policy-mutatingpolicy-label/inject.yaml":      "policies.kyverno.io/policies.kyverno.io_mutatingpolicies.yaml",
		"policy-mutatingpolicy-label/audit.yaml":       "policies.kyverno.io/policies.kyverno.io_validatingpolicies.yaml",
		"policy-mutatingpolicy-label-rest/inject.yaml": "policies.kyverno.io/policies.kyverno.io_mutatingpolicies.yaml",
	} {
		t.Run(file, func(t *testing.T) {
			objects, err := fixture.Documents(filepath.Join(root, Dir, file))
			if err != nil {
				t.Fatal(err)
			}
			definition := readCRD(t, crd)
			for _, o := range objects {
				if o.GroupVersionKind().Group != definition.Spec.Group || o.GetKind() != definition.Spec.Names.Kind {
					t.Fatalf("%s is not of %s", o.GroupVersionKind(), crd)
				}
				validate(t, definition, o.GroupVersionKind().Version, o.Object)
			}
		})
	}
}

func validate(t *testing.T, crd *apiextv1.CustomResourceDefinition, version string, object map[string]any) {
	t.Helper()
	for _, v := range crd.Spec.Versions {
		if v.Name != version {
			continue
		}
		if !v.Served {
			t.Errorf("%s %s is not served", crd.Name, version)
		}
		internal := &apiextensions.JSONSchemaProps{}
		if err := apiextv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(v.Schema.OpenAPIV3Schema, internal, nil); err != nil {
			t.Fatal(err)
		}
		structural, err := schema.NewStructural(internal)
		if err != nil {
			t.Fatal(err)
		}
		validator, _, err := validation.NewSchemaValidator(internal)
		if err != nil {
			t.Fatal(err)
		}
		for _, problem := range validation.ValidateCustomResource(nil, object, validator) {
			t.Error(problem)
		}
		stored := normal(t, object)
		pruning.Prune(stored, structural, true)
		defaulting.Default(stored, structural)
		if diff := cmp.Diff(normal(t, object), stored); diff != "" {
			t.Errorf("the API server changes it (-ours +stored):\n%s", diff)
		}
		return
	}
	t.Errorf("%s has no version %s", crd.Name, version)
}

// readCRD takes the definition from the module cache.
func readCRD(t *testing.T, file string) *apiextv1.CustomResourceDefinition {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/kyverno/kyverno").Output()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "config/crds", file))
	if err != nil {
		t.Fatal(err)
	}
	crd := &apiextv1.CustomResourceDefinition{}
	if err := yaml.Unmarshal(content, crd); err != nil {
		t.Fatal(err)
	}
	return crd
}
