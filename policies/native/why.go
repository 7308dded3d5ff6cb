package native

import (
	"fmt"

	"github.com/podview/podview/policies/cel"
	"github.com/podview/podview/policies/injection"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Why warns whoever labels a namespace or makes a pod, or what makes pods,
// that is left alone. It refuses nothing. The kind is older than the others:
// Kubernetes 1.30.
func Why(r injection.Rules, volumes bool) []runtime.Object {
	labelled := &metav1.LabelSelector{MatchLabels: map[string]string{injection.Label: injection.Enabled}}
	return []runtime.Object{
		validating("podview-why-namespace", admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: matching(labelled, rule("", "v1", admissionv1.ClusterScope, "namespaces")),
			// Not with every update of something else.
			MatchConditions: []admissionv1.MatchCondition{{
				// The selector looks at the old labels, too.
				Name:       "opted-in",
				Expression: fmt.Sprintf("object.metadata.?labels[?%q].orValue(\"\") == %q", injection.Label, injection.Enabled),
			}, {
				Name:       "labels-change",
				Expression: "oldObject == null || object.metadata.?labels.orValue({}) != oldObject.metadata.?labels.orValue({})",
			}},
			Validations: cel.WhyNamespace(r, volumes),
		}), warning("podview-why-namespace"),
		validating("podview-why", admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: matching(&metav1.LabelSelector{},
				rule("", "v1", admissionv1.NamespacedScope, "pods"),
				rule("apps", "v1", admissionv1.NamespacedScope, "deployments", "statefulsets", "daemonsets"),
				rule("batch", "v1", admissionv1.NamespacedScope, "jobs", "cronjobs")),
			MatchConditions: []admissionv1.MatchCondition{{
				Name:       "no-update-of-a-pod",
				Expression: `request.resource.resource != "pods" || request.operation == "CREATE"`,
			}, {
				// Who made its owner was told.
				Name: "not-made-by-another",
				Expression: `!object.metadata.?ownerReferences.orValue([]).exists(o,
  o.kind in ["ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob"])`,
			}, {
				Name:       "not-mirror",
				Expression: fmt.Sprintf("!(%q in object.metadata.?annotations.orValue({}))", injection.MirrorAnnotation),
			}},
			Variables:   cel.TemplateVariables(),
			Validations: cel.WhyTemplate(r, volumes),
		}), warning("podview-why"),
	}
}

func validating(name string, spec admissionv1.ValidatingAdmissionPolicySpec) *admissionv1.ValidatingAdmissionPolicy {
	ignore := admissionv1.Ignore
	spec.FailurePolicy = &ignore
	return &admissionv1.ValidatingAdmissionPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: "admissionregistration.k8s.io/v1", Kind: "ValidatingAdmissionPolicy"},
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       spec,
	}
}

// warning never denies.
func warning(name string) *admissionv1.ValidatingAdmissionPolicyBinding {
	return &admissionv1.ValidatingAdmissionPolicyBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: "admissionregistration.k8s.io/v1", Kind: "ValidatingAdmissionPolicyBinding"},
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName:        name,
			ValidationActions: []admissionv1.ValidationAction{admissionv1.Warn, admissionv1.Audit},
		},
	}
}

// matching has the server's defaults, so that GitOps tools see no difference.
func matching(objects *metav1.LabelSelector, rules ...admissionv1.NamedRuleWithOperations) *admissionv1.MatchResources {
	policy := admissionv1.Equivalent
	return &admissionv1.MatchResources{
		MatchPolicy:       &policy,
		NamespaceSelector: &metav1.LabelSelector{},
		ObjectSelector:    objects,
		ResourceRules:     rules,
	}
}

func rule(group, version string, scope admissionv1.ScopeType, resources ...string) admissionv1.NamedRuleWithOperations {
	return admissionv1.NamedRuleWithOperations{RuleWithOperations: admissionv1.RuleWithOperations{
		Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
		Rule:       admissionv1.Rule{APIGroups: []string{group}, APIVersions: []string{version}, Resources: resources, Scope: &scope},
	}}
}
