package component

import (
	"encoding/json"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/podview/podview/policies/fixture"
	"github.com/podview/podview/policies/injection"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const root = "../.."

func TestUpToDate(t *testing.T) {
	files, err := Files(injection.DefaultRules())
	if err != nil {
		t.Fatal(err)
	}
	patched, err := Patched(root)
	if err != nil {
		t.Fatal(err)
	}
	complete, err := Complete(root)
	if err != nil {
		t.Fatal(err)
	}
	releases, err := Releases(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range append(append(files, patched...), complete, releases) {
		if err := f.Check(root); err != nil {
			t.Error(err)
		}
	}
}

// The native policy is run by the API server's own code, the MutatingPolicy
// for pods by the Kyverno CLI. What they share is the same text, so the one
// speaks for the other where the CLI is blind: subresources.
func TestSameCEL(t *testing.T) {
	for variant, n := range map[string]int{"": 3, "-optional": 3, "-pressure": 3, "-label": 1, "-label-rest": 2} {
		kyverno := objects(t, "policy-mutatingpolicy"+variant, "MutatingPolicy")
		native := objects(t, "policy-native"+variant, "MutatingAdmissionPolicy")
		if len(kyverno) != n || len(native) != n {
			t.Fatalf("%d and %d policies", len(kyverno), len(native))
		}
		for name, policy := range kyverno {
			for _, field := range []string{"matchConstraints", "matchConditions", "variables", "mutations", "failurePolicy", "reinvocationPolicy"} {
				have, _, _ := unstructured.NestedFieldNoCopy(policy.Object, "spec", field)
				want, found, err := unstructured.NestedFieldNoCopy(native[name].Object, "spec", field)
				if err != nil || found != (field != "variables" || n == 3) || !reflect.DeepEqual(have, want) {
					t.Errorf("%s: spec.%s differs: %v", name, field, err)
				}
			}
		}
	}
}

// Flux replaces ${…} and Kyverno's own variables are {{…}}: no policy may
// have the one, only ClusterPolicies the other.
func TestNoSubstitution(t *testing.T) {
	files, err := Files(injection.DefaultRules())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if strings.Contains(string(f.Content), "${") {
			t.Errorf("%s has ${", f.Path)
		}
		if strings.Contains(string(f.Content), "{{") != strings.Contains(f.Path, "policy-kyverno") && !strings.Contains(f.Path, "kustomization") {
			t.Errorf("%s: {{", f.Path)
		}
		if strings.Contains(string(f.Content), "subPath") {
			t.Errorf("%s: subPath is forbidden in ephemeral containers", f.Path)
		}
	}
}

func objects(t *testing.T, component, kind string) map[string]*unstructured.Unstructured {
	t.Helper()
	all, err := fixture.Documents(filepath.Join(root, Dir, component, "inject.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]*unstructured.Unstructured{}
	for _, o := range all {
		if o.GetKind() == kind {
			byName[o.GetName()] = o
		}
	}
	return byName
}

// normal is an object as JSON has it, for comparisons.
func normal(t *testing.T, v any) any {
	t.Helper()
	content, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(content, &out); err != nil {
		t.Fatal(err)
	}
	return out
}
