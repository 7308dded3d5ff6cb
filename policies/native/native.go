// Package native renders admissionregistration.k8s.io/v1
// MutatingAdmissionPolicy, on by default from Kubernetes 1.36 on.
package native

import (
	"github.com/podview/podview/policies/cel"
	"github.com/podview/podview/policies/injection"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Objects are the policies of a variant, each followed by its binding.
func Objects(v injection.Variant, r injection.Rules) []runtime.Object {
	return bound(cel.Policies(v, r))
}

// Labels are the policies that label pods, each followed by its binding.
func Labels(l injection.Labels, r injection.Rules) []runtime.Object {
	return bound(cel.LabelPolicies(l, r))
}

func bound(policies []cel.Policy) []runtime.Object {
	var objects []runtime.Object
	for _, p := range policies {
		objects = append(objects, policy(p), binding(p.Name))
	}
	return objects
}

func policy(p cel.Policy) *admissionv1.MutatingAdmissionPolicy {
	ignore := admissionv1.Ignore
	return &admissionv1.MutatingAdmissionPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: "admissionregistration.k8s.io/v1", Kind: "MutatingAdmissionPolicy"},
		ObjectMeta: metav1.ObjectMeta{Name: p.Name},
		Spec: admissionv1.MutatingAdmissionPolicySpec{
			FailurePolicy:    &ignore,
			MatchConstraints: &p.Match,
			MatchConditions:  p.Conditions,
			Variables:        p.Variables,
			// Containers that a webhook adds later get the mounts too.
			ReinvocationPolicy: admissionv1.IfNeededReinvocationPolicy,
			Mutations: []admissionv1.Mutation{{
				PatchType: admissionv1.PatchTypeJSONPatch,
				JSONPatch: &admissionv1.JSONPatch{Expression: p.Patch},
			}},
		},
	}
}

func binding(name string) *admissionv1.MutatingAdmissionPolicyBinding {
	return &admissionv1.MutatingAdmissionPolicyBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: "admissionregistration.k8s.io/v1", Kind: "MutatingAdmissionPolicyBinding"},
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       admissionv1.MutatingAdmissionPolicyBindingSpec{PolicyName: name},
	}
}
