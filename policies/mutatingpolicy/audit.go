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
		withoutAutogen(validating("podview-audit", volumes, cel.Constraints(r, cel.OptedIn, "pods", scanned...), cel.Running(r, cel.OptedIn), cel.HasVolumes(v))),
		withoutAutogen(validating("podview-audit-pod", volumes, cel.Constraints(r, cel.NotOptedIn, "pods", scanned...), cel.Running(r, cel.NotOptedIn), cel.HasVolumes(v))),
	}
}

// AuditLabels reports running pods of opted-in namespaces that lack the
// label.
func AuditLabels(r injection.Rules) []runtime.Object {
	return []runtime.Object{
		withoutAutogen(validating("podview-audit", "label", cel.LabelConstraints(r, scanned...), cel.RunningLabels(r), cel.HasLabel())),
	}
}

const volumes = "volumes"

// scanned is what the background scan makes its requests of.
var scanned = []admissionv1.OperationType{admissionv1.Create, admissionv1.Update}

// validating reports pods that lack something.
func validating(name, lacks string, match admissionv1.MatchResources, conditions []admissionv1.MatchCondition, has string) *kyverno.ValidatingPolicy {
	return reporting(name, "Report pods without podview's files",
		"Reports running pods that opted in and lack podview's "+lacks+". They were admitted while Kyverno was away, or before the label was set.",
		match, conditions, []admissionv1.Validation{{
			Expression: has,
			Message:    "the pod opted in and lacks podview's " + lacks + ": restart it",
		}})
}

func reporting(name, title, description string, match admissionv1.MatchResources, conditions []admissionv1.MatchCondition, validations []admissionv1.Validation) *kyverno.ValidatingPolicy {
	ignore := admissionv1.Ignore
	return &kyverno.ValidatingPolicy{
		TypeMeta: metav1.TypeMeta{APIVersion: "policies.kyverno.io/v1", Kind: "ValidatingPolicy"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{
			"policies.kyverno.io/title":       title,
			"policies.kyverno.io/category":    "podview",
			"policies.kyverno.io/severity":    "low",
			"policies.kyverno.io/subject":     "Pod",
			"policies.kyverno.io/minversion":  "1.17.0",
			"policies.kyverno.io/description": description,
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
			MatchConditions:  conditions,
			Validations:      validations,
		},
	}
}
