// Package cel writes the part that MutatingPolicy and MutatingAdmissionPolicy
// share: which requests match, and the JSON patch.
//
// The patch is a JSONPatch. ApplyConfiguration merges by key and fails on a
// pod that names an environment variable twice, which Kubernetes allows.
package cel

import (
	"fmt"
	"strings"

	"github.com/podview/podview/policies/injection"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Policy is one policy in terms that both kinds share.
type Policy struct {
	Name       string
	Match      admissionv1.MatchResources
	Conditions []admissionv1.MatchCondition
	Variables  []admissionv1.Variable
	// Patch evaluates to a list of JSONPatch.
	Patch string
}

// Policies are the three policies of a variant. Opt-in by namespace and by
// pod are two policies and not one condition, because only a selector keeps
// the API server from calling Kyverno for every pod of the cluster.
func Policies(v injection.Variant, r injection.Rules) []Policy {
	conditions := leftAlone(r)
	return []Policy{{
		Name:       v.Name("podview-inject"),
		Match:      Constraints(r, OptedIn, "pods", admissionv1.Create),
		Conditions: conditions,
		Variables:  append(paths(v), volumes()...),
		Patch:      podPatch,
	}, {
		Name:       v.Name("podview-inject-pod"),
		Match:      Constraints(r, NotOptedIn, "pods", admissionv1.Create),
		Conditions: append([]admissionv1.MatchCondition{podOptedIn()}, conditions...),
		Variables:  append(paths(v), volumes()...),
		Patch:      podPatch,
	}, {
		Name:       v.Name("podview-inject-ephemeral"),
		Match:      Constraints(r, EitherWay, "pods/ephemeralcontainers", admissionv1.Update),
		Conditions: append([]admissionv1.MatchCondition{injected()}, conditions...),
		Variables:  append(paths(v), injectedVolumes()),
		Patch:      ephemeralPatch,
	}}
}

// OptIn is which namespaces a policy matches by their label.
type OptIn int

const (
	EitherWay OptIn = iota
	OptedIn
	NotOptedIn
)

// Constraints match one operation on a resource in the namespaces that are
// not left alone. MatchPolicy and ObjectSelector are the server's defaults.
func Constraints(r injection.Rules, in OptIn, resource string, op ...admissionv1.OperationType) admissionv1.MatchResources {
	scope, policy := admissionv1.NamespacedScope, admissionv1.Equivalent
	return admissionv1.MatchResources{
		MatchPolicy:       &policy,
		NamespaceSelector: namespaces(r, in),
		ObjectSelector:    &metav1.LabelSelector{},
		ResourceRules: []admissionv1.NamedRuleWithOperations{{
			RuleWithOperations: admissionv1.RuleWithOperations{
				Operations: op,
				Rule: admissionv1.Rule{
					APIGroups:   []string{""},
					APIVersions: []string{"v1"},
					Resources:   []string{resource},
					Scope:       &scope,
				},
			},
		}},
	}
}

func namespaces(r injection.Rules, in OptIn) *metav1.LabelSelector {
	selector := &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
		{Key: injection.NamespaceLabel, Operator: metav1.LabelSelectorOpNotIn, Values: r.Namespaces},
	}}
	if r.PodSecurity != nil {
		selector.MatchExpressions = append(selector.MatchExpressions, metav1.LabelSelectorRequirement{
			Key: injection.PodSecurityLabel, Operator: metav1.LabelSelectorOpNotIn, Values: r.PodSecurity,
		})
	}
	switch in {
	case OptedIn:
		selector.MatchLabels = map[string]string{injection.Label: injection.Enabled}
	case NotOptedIn:
		selector.MatchExpressions = append(selector.MatchExpressions, metav1.LabelSelectorRequirement{
			Key: injection.Label, Operator: metav1.LabelSelectorOpNotIn, Values: []string{injection.Enabled},
		})
	}
	return selector
}

// quote writes a CEL list of strings.
func quote(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = fmt.Sprintf("%q", v)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
