package mutatingpolicy

import (
	"github.com/podview/podview/policies/cel"
	"github.com/podview/podview/policies/injection"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Why reports running pods that ask for the view and are left alone, with the
// reason. It is a background scan only.
func Why(r injection.Rules, volumes bool) []runtime.Object {
	anywhere := r
	if !volumes {
		anywhere.PodSecurity = nil
	}
	always := func(reason string) []admissionv1.Validation {
		return []admissionv1.Validation{{Expression: "false", Message: injection.Message(reason)}}
	}
	opted, pod := cel.Told(r, cel.OptedIn), cel.Told(r, cel.NotOptedIn)
	report := func(name string, match admissionv1.MatchResources, conditions []admissionv1.MatchCondition, validations []admissionv1.Validation) runtime.Object {
		return withoutAutogen(reporting(name, "Say why pods lack podview's files",
			"Reports running pods that ask for podview's files by a label and are left alone, with the reason.", match, conditions, validations))
	}
	objects := []runtime.Object{
		report("podview-why", cel.Constraints(anywhere, cel.OptedIn, "pods", scanned...), opted, cel.Why(r, volumes)),
		report("podview-why-pod", cel.Constraints(anywhere, cel.NotOptedIn, "pods", scanned...), pod, cel.Why(r, volumes)),
		report("podview-why-namespace", cel.ListedConstraints(r, scanned...), opted, always("namespace")),
	}
	if volumes {
		objects = append(objects, report("podview-why-pod-security", cel.RestrictedConstraints(r, scanned...), opted, always("pod-security")))
	}
	return objects
}
