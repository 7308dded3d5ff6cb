package cel

import (
	"fmt"
	"strings"

	"github.com/podview/podview/policies/injection"
	admissionv1 "k8s.io/api/admissionregistration/v1"
)

// LabelPolicies are the policies that label pods. A pod that opted in by its
// own label has all it needs. Those of Rest are the complement of Policies:
// where Pod Security refuses hostPath, and pods in a user namespace elsewhere.
func LabelPolicies(l injection.Labels, r injection.Rules) []Policy {
	anywhere := r
	anywhere.PodSecurity = nil
	if !l.Rest {
		return []Policy{labels("podview-inject", Constraints(anywhere, OptedIn, "pods", admissionv1.Create), r)}
	}
	return []Policy{
		labels("podview-label-restricted", restricted(r, admissionv1.Create), r),
		labels("podview-label-user-namespace", Constraints(r, OptedIn, "pods", admissionv1.Create), r, ownUsers()),
	}
}

func labels(name string, match admissionv1.MatchResources, r injection.Rules, more ...admissionv1.MatchCondition) Policy {
	conditions := append(leftAloneByLabels(r), admissionv1.MatchCondition{
		Name:       "not-labelled",
		Expression: label() + fmt.Sprintf(" != %q", injection.Enabled),
	})
	return Policy{Name: name, Match: match, Conditions: append(conditions, more...), Patch: labelPatch}
}

// restricted matches the namespaces that the others leave alone.
func restricted(r injection.Rules, op ...admissionv1.OperationType) admissionv1.MatchResources {
	match := Constraints(r, OptedIn, "pods", op...)
	for i, e := range match.NamespaceSelector.MatchExpressions {
		if e.Key == injection.PodSecurityLabel {
			match.NamespaceSelector.MatchExpressions[i].Operator = "In"
		}
	}
	return match
}

// leftAloneByLabels: a user namespace is no hindrance to NRI.
func leftAloneByLabels(r injection.Rules) (conditions []admissionv1.MatchCondition) {
	for _, c := range leftAlone(r) {
		if c.Name != hostUsers {
			conditions = append(conditions, c)
		}
	}
	return conditions
}

func ownUsers() admissionv1.MatchCondition {
	return admissionv1.MatchCondition{Name: "own-users", Expression: "object.spec.?hostUsers.orValue(true) == false"}
}

// labelPatch: JSONPatch has ~1 for the slash in a name.
var labelPatch = fmt.Sprintf(`(has(object.metadata.labels) ? [] :
  [JSONPatch{op: "add", path: "/metadata/labels", value: Object.metadata.labels{}}]) +
[JSONPatch{op: "add", path: "/metadata/labels/%s", value: %q}]
`, strings.ReplaceAll(injection.Label, "/", "~1"), injection.Enabled)

// RunningLabels are the conditions of the audit of labels.
func RunningLabels(r injection.Rules) []admissionv1.MatchCondition {
	return append([]admissionv1.MatchCondition{running()}, leftAloneByLabels(r)...)
}

// HasLabel is true for a pod that the NRI plugin mounts the view into.
func HasLabel() string { return label() + fmt.Sprintf(" == %q", injection.Enabled) }

// LabelConstraints are what the audit of all labels looks at.
func LabelConstraints(r injection.Rules, op ...admissionv1.OperationType) admissionv1.MatchResources {
	r.PodSecurity = nil
	return Constraints(r, OptedIn, "pods", op...)
}
