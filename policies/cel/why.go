package cel

import (
	"fmt"
	"strings"

	"github.com/podview/podview/policies/injection"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// reasons are those of leftAlone that somebody has to be told, by the name of
// the condition. Who opts out knows, and nobody makes a mirror pod.
var reasons = map[string]string{"not-windows": "windows", "not-virtual": "virtual", "runtime-class": "runtime-class", hostUsers: "host-users"}

// Why are the validations of a pod, for volumes or for labels. They fail with
// the reason why it is left alone.
func Why(r injection.Rules, volumes bool) (validations []admissionv1.Validation) {
	for _, c := range leftAlone(r) {
		if reason, ok := reasons[c.Name]; ok && (volumes || !injection.OnlyVolumes(reason)) {
			validations = append(validations, admissionv1.Validation{Expression: c.Expression, Message: injection.Message(reason)})
		}
	}
	return validations
}

// Told are the conditions of a scan: running pods that did not opt out.
func Told(r injection.Rules, in OptIn) []admissionv1.MatchCondition {
	conditions := []admissionv1.MatchCondition{running()}
	for _, c := range leftAlone(r) {
		if c.Name == "not-opted-out" || c.Name == "not-mirror" {
			conditions = append(conditions, c)
		}
	}
	if in == NotOptedIn {
		conditions = append(conditions, podOptedIn())
	}
	return conditions
}

// ListedConstraints match opted-in namespaces that are on the list.
func ListedConstraints(r injection.Rules, op ...admissionv1.OperationType) admissionv1.MatchResources {
	match := LabelConstraints(r, op...)
	match.NamespaceSelector.MatchExpressions[0].Operator = metav1.LabelSelectorOpIn
	return match
}

// RestrictedConstraints match opted-in namespaces that enforce Pod Security.
func RestrictedConstraints(r injection.Rules, op ...admissionv1.OperationType) admissionv1.MatchResources {
	return restricted(r, op...)
}

// TemplateVariables find the pod in a pod, or in what makes pods, and whether
// it opted in.
func TemplateVariables() []admissionv1.Variable {
	return []admissionv1.Variable{{
		Name: "pod",
		Expression: `request.resource.resource == "pods" ? object :
request.resource.resource == "cronjobs" ? object.spec.jobTemplate.spec.template : object.spec.template`,
	}, {
		Name:       "label",
		Expression: ofTemplate(label()),
	}, {
		Name: "asks",
		Expression: fmt.Sprintf("variables.label == %[1]q ||\nvariables.label != %[2]q && namespaceObject.metadata.?labels[?%[3]q].orValue(\"\") == %[1]q",
			injection.Enabled, injection.Disabled, injection.Label),
	}}
}

// ofTemplate: what is asked of a pod, of a template, which may have no metadata.
func ofTemplate(expression string) string {
	return strings.NewReplacer("object.metadata.", "variables.pod.?metadata.", "object.", "variables.pod.").Replace(expression)
}

// WhyTemplate are the validations of what TemplateVariables find.
func WhyTemplate(r injection.Rules, volumes bool) []admissionv1.Validation {
	validations := append(Why(r, volumes), whyNamespace(r, volumes, "namespaceObject")...)
	for i, v := range validations {
		validations[i].Expression = "!variables.asks || (" + ofTemplate(v.Expression) + ")"
	}
	return validations
}

// WhyNamespace are the validations of a namespace that opts in.
func WhyNamespace(r injection.Rules, volumes bool) []admissionv1.Validation {
	validations := whyNamespace(r, volumes, "object")
	for i, v := range validations {
		validations[i].Message = strings.Replace(v.Message, "this pod alone: its namespace", "the pods of this namespace alone: it", 1)
	}
	return validations
}

func whyNamespace(r injection.Rules, volumes bool, object string) []admissionv1.Validation {
	validations := []admissionv1.Validation{{
		Expression: fmt.Sprintf("!(%s.metadata.name in %s)", object, quote(r.Namespaces)),
		Message:    injection.Message("namespace"),
	}}
	if volumes {
		validations = append(validations, admissionv1.Validation{
			Expression: fmt.Sprintf("!(%s.metadata.?labels[?%q].orValue(\"\") in %s)", object, injection.PodSecurityLabel, quote(r.PodSecurity)),
			Message:    injection.Message("pod-security"),
		})
	}
	return validations
}
