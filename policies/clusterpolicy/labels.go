package clusterpolicy

import (
	"fmt"
	"strings"

	kyverno "github.com/kyverno/kyverno/api/kyverno/v1"
	"github.com/podview/podview/policies/injection"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Labels is the policy that labels pods. A pod that opted in by its own label
// has all it needs. The rules of Rest are the complement of Objects': where
// Pod Security refuses hostPath, and pods in a user namespace elsewhere.
func Labels(l injection.Labels, r injection.Rules) []runtime.Object {
	name := "podview-inject"
	rules := []kyverno.Rule{labelRule("label", r, optedIn(), nil)}
	if l.Rest {
		name = "podview-label-rest"
		rules = []kyverno.Rule{
			labelRule("label-restricted", r, optedIn(podSecurity(r, metav1.LabelSelectorOpIn)), nil),
			labelRule("label-user-namespace", r, optedIn(podSecurity(r, metav1.LabelSelectorOpNotIn)),
				[]kyverno.Condition{condition("{{ request.object.spec.hostUsers == `false` }}", "Equals", true)}),
		}
	}
	p := policy(name, map[string]string{
		"policies.kyverno.io/title":       "Label pods for podview's NRI plugin",
		"policies.kyverno.io/description": "Gives the pods of namespaces labelled podview.dev/inject=enabled the same label. The NRI plugin on the node mounts podview's files into them.",
	})
	p.Spec.Admission, p.Spec.Background = boolean(true), boolean(false)
	p.Spec.Rules = rules
	return []runtime.Object{p}
}

// AuditLabels reports running pods of opted-in namespaces that lack the
// label. It is a background scan only.
func AuditLabels(r injection.Rules) []runtime.Object {
	p := policy("podview-audit", map[string]string{
		"policies.kyverno.io/title":       "Report pods without podview's label",
		"policies.kyverno.io/description": "Reports running pods of opted-in namespaces that lack podview's label. They were admitted while Kyverno was away, or before the namespace was labelled.",
	})
	p.Spec.Admission, p.Spec.Background = boolean(false), boolean(true)
	audit := kyverno.Audit
	p.Spec.Rules = []kyverno.Rule{{
		Name:                   "has-label",
		SkipBackgroundRequests: boolean(true),
		MatchResources:         matchNamespaces(optedIn()),
		ExcludeResources:       excludeByLabels(r),
		RawAnyAllConditions:    conditions(append(leftAloneByLabels(r), running())),
		Validation: &kyverno.Validation{
			FailureAction:           &audit,
			AllowExistingViolations: boolean(true),
			Message:                 "the pod opted in and lacks podview's label: restart it",
			Deny:                    &kyverno.Deny{RawAnyAllConditions: conditions([]kyverno.Condition{notLabelled()})},
		},
	}}
	return []runtime.Object{p}
}

func labelRule(name string, r injection.Rules, namespaces *metav1.LabelSelector, also []kyverno.Condition) kyverno.Rule {
	preconditions := append(append(leftAloneByLabels(r), notLabelled()), also...)
	rule := kyverno.Rule{
		Name:                   name,
		SkipBackgroundRequests: boolean(true),
		MatchResources:         matchNamespaces(namespaces, kyverno.Create),
		ExcludeResources:       excludeByLabels(r),
		RawAnyAllConditions:    conditions(preconditions),
		Mutation: &kyverno.Mutation{PatchesJSON6902: fmt.Sprintf("- op: add\n  path: /metadata/labels/%s\n  value: %s\n",
			strings.ReplaceAll(injection.Label, "/", "~1"), injection.Enabled)},
	}
	return rule
}

func matchNamespaces(namespaces *metav1.LabelSelector, ops ...kyverno.AdmissionOperation) kyverno.MatchResources {
	return kyverno.MatchResources{Any: kyverno.ResourceFilters{
		{ResourceDescription: kyverno.ResourceDescription{Kinds: []string{"Pod"}, Operations: ops, NamespaceSelector: namespaces}},
	}}
}

func optedIn(also ...metav1.LabelSelectorRequirement) *metav1.LabelSelector {
	selector := enabled.DeepCopy()
	selector.MatchExpressions = also
	return selector
}

func podSecurity(r injection.Rules, op metav1.LabelSelectorOperator) metav1.LabelSelectorRequirement {
	return metav1.LabelSelectorRequirement{Key: injection.PodSecurityLabel, Operator: op, Values: r.PodSecurity}
}

// excludeByLabels: Pod Security has nothing against a label.
func excludeByLabels(r injection.Rules) *kyverno.MatchResources {
	r.PodSecurity = nil
	return exclude(r)
}

// leftAloneByLabels: a user namespace is no hindrance to NRI.
func leftAloneByLabels(r injection.Rules) []kyverno.Condition {
	all := leftAlone(r)
	return all[:len(all)-1]
}

func notLabelled() kyverno.Condition {
	return condition(fmt.Sprintf(`{{ request.object.metadata.labels."%s" || '' }}`, injection.Label), "NotEquals", injection.Enabled)
}
