// Package mutatingpolicy renders policies.kyverno.io/v1: MutatingPolicy, and
// the ValidatingPolicy that audits. Kyverno has them since 1.17.
package mutatingpolicy

import (
	engine "github.com/kyverno/api/api/policies.kyverno.io"
	kyverno "github.com/kyverno/api/api/policies.kyverno.io/v1"
	"github.com/podview/podview/policies/cel"
	"github.com/podview/podview/policies/injection"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	admissionv1alpha1 "k8s.io/api/admissionregistration/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// timeoutSeconds bounds how long a pod waits for a Kyverno that hangs.
const timeoutSeconds = 5

// Objects are the mutating policies of a variant.
func Objects(v injection.Variant, r injection.Rules) []runtime.Object {
	var objects []runtime.Object
	for _, p := range cel.Policies(v, r) {
		objects = append(objects, withoutAutogen(mutating(p, about{
			title:       "Mount podview's files into pods",
			description: "Adds a read-only mount per file of /proc and /sys that podview serves to the pods of namespaces, and to pods, labelled podview.dev/inject=enabled.",
		})))
	}
	return objects
}

// Labels are the policies that label pods.
func Labels(l injection.Labels, r injection.Rules) []runtime.Object {
	var objects []runtime.Object
	for _, p := range cel.LabelPolicies(l, r) {
		objects = append(objects, withoutAutogen(mutating(p, about{
			title:       "Label pods for podview's NRI plugin",
			description: "Gives the pods of namespaces labelled podview.dev/inject=enabled the same label. The NRI plugin on the node mounts podview's files into them.",
		})))
	}
	return objects
}

type about struct{ title, description string }

func mutating(p cel.Policy, a about) *kyverno.MutatingPolicy {
	ignore := admissionv1.Ignore
	return &kyverno.MutatingPolicy{
		TypeMeta: metav1.TypeMeta{APIVersion: "policies.kyverno.io/v1", Kind: "MutatingPolicy"},
		ObjectMeta: metav1.ObjectMeta{Name: p.Name, Annotations: map[string]string{
			"policies.kyverno.io/title":       a.title,
			"policies.kyverno.io/category":    "podview",
			"policies.kyverno.io/severity":    "low",
			"policies.kyverno.io/subject":     "Pod",
			"policies.kyverno.io/minversion":  "1.17.0",
			"policies.kyverno.io/description": a.description,
		}},
		Spec: kyverno.MutatingPolicySpec{
			EvaluationConfiguration: &kyverno.MutatingPolicyEvaluationConfiguration{
				Mode:                   engine.EvaluationModeKubernetes,
				Admission:              &kyverno.AdmissionConfiguration{Enabled: boolean(true)},
				Background:             &kyverno.BackgroundConfiguration{Enabled: boolean(false)},
				SkipBackgroundRequests: boolean(true),
			},
			FailurePolicy:        &ignore,
			WebhookConfiguration: &kyverno.WebhookConfiguration{TimeoutSeconds: seconds(timeoutSeconds)},
			ReinvocationPolicy:   admissionv1.IfNeededReinvocationPolicy,
			MatchConstraints:     &p.Match,
			MatchConditions:      p.Conditions,
			Variables:            p.Variables,
			Mutations: []admissionv1alpha1.Mutation{{
				PatchType: admissionv1alpha1.PatchTypeJSONPatch,
				JSONPatch: &admissionv1alpha1.JSONPatch{Expression: p.Patch},
			}},
		},
	}
}

// withoutAutogen sets spec.autogen.podControllers.controllers to the empty
// list. Without it Kyverno changes the templates of Deployments too, which
// GitOps tools then report as drift. Kyverno's type omits an empty list, and
// an absent list means all controllers.
func withoutAutogen(policy runtime.Object) runtime.Object {
	m, err := runtime.DefaultUnstructuredConverter.ToUnstructured(policy)
	if err == nil {
		err = unstructured.SetNestedSlice(m, []any{}, "spec", "autogen", "podControllers", "controllers")
	}
	if err != nil {
		panic(err) // Kyverno's types always convert
	}
	return &unstructured.Unstructured{Object: m}
}

func boolean(b bool) *bool   { return &b }
func seconds(s int32) *int32 { return &s }
