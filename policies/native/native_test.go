package native_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/podview/podview/policies/fixture"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// TestAdmission has the API server's plugin admit every fixture. A pod must
// become its document in patched.yaml, or stay as it is if there is none.
func TestAdmission(t *testing.T) {
	for suite, test := range map[string]struct{ pods, component string }{
		"podview-inject":           {"podview-inject", "policy-native"},
		"podview-inject-ephemeral": {"podview-inject-ephemeral", "policy-native"},
		"podview-inject-optional":  {"podview-inject-optional", "policy-native-optional"},
		"podview-inject-pressure":  {"podview-inject-pressure", "policy-native-pressure"},
		"podview-label":            {"podview-label", "policy-native-label"},
		"podview-label-rest":       {"podview-label", "policy-native-label-rest"},
	} {
		t.Run(suite, func(t *testing.T) {
			s, err := fixture.Load("..", test.pods)
			if err != nil {
				t.Fatal(err)
			}
			server := start(t, policies(t, test.component), s.Namespaces)
			patched := documents(t, filepath.Join("..", suite, ".kyverno-test", "patched.yaml"))
			admit := func(o *unstructured.Unstructured) *corev1.Pod {
				var admitted *corev1.Pod
				if suite == "podview-inject-ephemeral" {
					admitted, err = server.updateEphemeral(t.Context(), pod(t, o), pod(t, fixture.Before(o)))
				} else {
					admitted, err = server.create(t.Context(), pod(t, o))
				}
				if err != nil {
					t.Fatal(err)
				}
				return admitted
			}
			for _, o := range s.Resources {
				if o.GetKind() != "Pod" {
					continue
				}
				t.Run(o.GetName(), func(t *testing.T) {
					want := o
					if p := patched[fixture.Key(o)]; p != nil {
						want = p
					}
					if diff := cmp.Diff(pod(t, want), admit(o)); diff != "" {
						t.Errorf("admitted (-want +have):\n%s", diff)
					}
					// The whole admission runs again when a webhook changed the pod.
					if diff := cmp.Diff(pod(t, want), admit(want)); diff != "" {
						t.Errorf("admitted twice (-want +have):\n%s", diff)
					}
				})
			}
		})
	}
}

func documents(t *testing.T, file string) map[string]*unstructured.Unstructured {
	t.Helper()
	all, err := fixture.Documents(file)
	if err != nil {
		t.Fatal(err)
	}
	byKey := map[string]*unstructured.Unstructured{}
	for _, o := range all {
		byKey[fixture.Key(o)] = o
	}
	return byKey
}
