package clusterpolicy

import (
	kyverno "github.com/kyverno/kyverno/api/kyverno/v1"
	"github.com/podview/podview/policies/injection"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Why reports running pods that ask for the view and are left alone: a rule
// for each reason. It is a background scan only.
func Why(r injection.Rules, volumes bool) []runtime.Object {
	p := policy("podview-why", map[string]string{
		"policies.kyverno.io/title":       "Say why pods lack podview's files",
		"policies.kyverno.io/description": "Reports running pods that ask for podview's files by a label and are left alone, with the reason.",
	})
	p.Spec.Admission, p.Spec.Background = boolean(false), boolean(true)
	but := exclude(r)
	if !volumes {
		but = excludeByLabels(r)
	}
	optedOut := &kyverno.MatchResources{Any: but.Any[len(but.Any)-1:]}
	p.Spec.Rules = []kyverno.Rule{
		whyRule("windows", match("Pod"), but, notWindows()...),
		whyRule("virtual", match("Pod"), but, notVirtual()...),
		whyRule("runtime-class", match("Pod"), but, runtimeClass(r)),
	}
	listed := metav1.LabelSelectorRequirement{Key: injection.NamespaceLabel, Operator: metav1.LabelSelectorOpIn, Values: r.Namespaces}
	p.Spec.Rules = append(p.Spec.Rules, whyRule("namespace", matchNamespaces(optedIn(listed)), optedOut))
	if volumes {
		p.Spec.Rules = append(p.Spec.Rules,
			whyRule("host-users", match("Pod"), but, hostUsers()),
			whyRule("pod-security", matchNamespaces(optedIn(podSecurity(r, metav1.LabelSelectorOpIn))), optedOut))
	}
	return []runtime.Object{p}
}

// whyRule fails for pods that do not meet the conditions, or all of them.
func whyRule(reason string, match kyverno.MatchResources, but *kyverno.MatchResources, unless ...kyverno.Condition) kyverno.Rule {
	audit := kyverno.Audit
	deny := &kyverno.Deny{}
	if unless != nil {
		deny.RawAnyAllConditions = &kyverno.ConditionsWrapper{Conditions: kyverno.AnyAllConditions{AnyConditions: opposite(unless)}}
	}
	return kyverno.Rule{
		Name:                   reason,
		SkipBackgroundRequests: boolean(true),
		MatchResources:         match,
		ExcludeResources:       but,
		RawAnyAllConditions:    conditions([]kyverno.Condition{running(), notMirror()}),
		Validation: &kyverno.Validation{
			FailureAction:           &audit,
			AllowExistingViolations: boolean(true),
			Message:                 injection.Message(reason),
			Deny:                    deny,
		},
	}
}

func opposite(all []kyverno.Condition) []kyverno.Condition {
	operators := map[kyverno.ConditionOperator]kyverno.ConditionOperator{"Equals": "NotEquals", "NotEquals": "Equals", "AnyIn": "AnyNotIn"}
	var out []kyverno.Condition
	for _, c := range all {
		c.Operator = operators[c.Operator]
		out = append(out, c)
	}
	return out
}
