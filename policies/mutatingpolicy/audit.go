package mutatingpolicy

import (
	engine "github.com/kyverno/api/api/policies.kyverno.io"
	kyverno "github.com/kyverno/api/api/policies.kyverno.io/v1"
	"github.com/podview/podview/policies/cel"
	"github.com/podview/podview/policies/injection"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Audit reports running pods that lack the volumes: those that were admitted
// while Kyverno was away, or before their namespace was labelled. It is a
// background scan only, so admission never waits for it.
func Audit(v injection.Variant, r injection.Rules) []runtime.Object {
	return []runtime.Object{
		withoutAutogen(validating(v.Name("podview-audit"), v, r, cel.OptedIn)),
		withoutAutogen(validating(v.Name("podview-audit-pod"), v, r, cel.NotOptedIn)),
	}
}

func validating(name string, v injection.Variant, r injection.Rules, in cel.OptIn) *kyverno.ValidatingPolicy {
	ignore := admissionv1.Ignore
	match := cel.Constraints(r, in, "pods", admissionv1.Create, admissionv1.Update)
	return &kyverno.ValidatingPolicy{
		TypeMeta: metav1.TypeMeta{APIVersion: "policies.kyverno.io/v1", Kind: "ValidatingPolicy"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{
			"policies.kyverno.io/title":       "Report pods without podview's files",
			"policies.kyverno.io/category":    "podview",
			"policies.kyverno.io/severity":    "low",
			"policies.kyverno.io/subject":     "Pod",
			"policies.kyverno.io/minversion":  "1.17.0",
			"policies.kyverno.io/description": "Reports running pods that opted in and lack podview's volumes. They were admitted while Kyverno was away, or before the label was set.",
		}},
		Spec: kyverno.ValidatingPolicySpec{
			EvaluationConfiguration: &kyverno.EvaluationConfiguration{
				Mode:       engine.EvaluationModeKubernetes,
				Admission:  &kyverno.AdmissionConfiguration{Enabled: boolean(false)},
				Background: &kyverno.BackgroundConfiguration{Enabled: boolean(true)},
			},
			FailurePolicy:    &ignore,
			ValidationAction: []admissionv1.ValidationAction{admissionv1.Audit},
			MatchConstraints: &match,
			MatchConditions:  cel.Running(r, in),
			Validations: []admissionv1.Validation{{
				Expression: cel.HasVolumes(v),
				Message:    "the pod opted in and lacks podview's volumes: restart it",
			}},
		},
	}
}
