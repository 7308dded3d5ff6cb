package clusterpolicy

import (
	"encoding/json"
	"fmt"

	kyverno "github.com/kyverno/kyverno/api/kyverno/v1"
	"github.com/podview/podview/policies/injection"
	apiextv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var enabled = &metav1.LabelSelector{MatchLabels: map[string]string{injection.Label: injection.Enabled}}

// match is opt-in by the namespace's label or the pod's.
func match(kind string, ops ...kyverno.AdmissionOperation) kyverno.MatchResources {
	return kyverno.MatchResources{Any: kyverno.ResourceFilters{
		{ResourceDescription: kyverno.ResourceDescription{
			Kinds: []string{kind}, Operations: ops, NamespaceSelector: enabled.DeepCopy(),
		}},
		{ResourceDescription: kyverno.ResourceDescription{
			Kinds: []string{kind}, Operations: ops, Selector: enabled.DeepCopy(),
		}},
	}}
}

// matchAnywhere is for pods that were injected once, whatever was relabelled
// since: their volumes say so.
func matchAnywhere(kind string, ops ...kyverno.AdmissionOperation) kyverno.MatchResources {
	return kyverno.MatchResources{Any: kyverno.ResourceFilters{
		{ResourceDescription: kyverno.ResourceDescription{Kinds: []string{kind}, Operations: ops}},
	}}
}

func exclude(r injection.Rules) *kyverno.MatchResources {
	filters := kyverno.ResourceFilters{
		{ResourceDescription: kyverno.ResourceDescription{Namespaces: r.Namespaces}},
	}
	if r.PodSecurity != nil {
		filters = append(filters, kyverno.ResourceFilter{ResourceDescription: kyverno.ResourceDescription{NamespaceSelector: &metav1.LabelSelector{
			MatchExpressions: []metav1.LabelSelectorRequirement{podSecurity(r, metav1.LabelSelectorOpIn)},
		}}})
	}
	return &kyverno.MatchResources{Any: append(filters, kyverno.ResourceFilter{ResourceDescription: kyverno.ResourceDescription{
		Selector: &metav1.LabelSelector{MatchLabels: map[string]string{injection.Label: injection.Disabled}},
	}})}
}

// leftAlone ends with the condition that NRI has no need of.
func leftAlone(r injection.Rules) []kyverno.Condition {
	return append(append(notWindows(), notVirtual()...), notMirror(), runtimeClass(r), hostUsers())
}

func notVirtual() []kyverno.Condition {
	return []kyverno.Condition{
		condition(fmt.Sprintf(`{{ request.object.metadata.labels."%s" || '' }}`, injection.FargateLabel), "Equals", ""),
		condition(`{{ request.object.spec.schedulerName || '' }}`, "NotEquals", injection.FargateScheduler),
		count(fmt.Sprintf("request.object.spec.tolerations[?key=='%s']", injection.VirtualTaint), "Equals"),
	}
}

func notMirror() kyverno.Condition {
	return condition(fmt.Sprintf(`{{ request.object.metadata.annotations."%s" || '' }}`, injection.MirrorAnnotation), "Equals", "")
}

func runtimeClass(r injection.Rules) kyverno.Condition {
	return condition(`{{ request.object.spec.runtimeClassName || '' }}`, "AnyIn", r.RuntimeClasses)
}

// hostUsers: false || true is true in JMESPath, hence the comparison.
func hostUsers() kyverno.Condition {
	return condition("{{ request.object.spec.hostUsers == `false` }}", "Equals", false)
}

func notWindows() []kyverno.Condition {
	all := []kyverno.Condition{condition(`{{ request.object.spec.os.name || '' }}`, "NotEquals", injection.Windows)}
	for _, label := range injection.OSLabels {
		all = append(all, condition(fmt.Sprintf(`{{ request.object.spec.nodeSelector."%s" || '' }}`, label), "NotEquals", injection.Windows))
	}
	return append(all,
		count(fmt.Sprintf("request.object.spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[]"+
			".matchExpressions[] | [?contains(%s, key) && operator=='In' && contains(values, '%s')]", list(injection.OSLabels), injection.Windows), "Equals"),
		count(fmt.Sprintf("request.object.spec.tolerations[?contains(%s, key || '') && to_lower(value || '')=='%s']",
			list(injection.OSTaints), injection.Windows), "Equals"))
}

func running() kyverno.Condition {
	return condition(`{{ request.object.status.phase || '' }}`, "Equals", "Running")
}

func lacksVolumes(v injection.Variant) kyverno.Condition {
	c := condition("", "AnyNotIn", "{{ request.object.spec.volumes[].name || `[]` }}")
	c.RawKey = raw(v.Volumes())
	return c
}

func conditions(all []kyverno.Condition) *kyverno.ConditionsWrapper {
	return &kyverno.ConditionsWrapper{Conditions: kyverno.AnyAllConditions{AllConditions: all}}
}

func condition(key string, op kyverno.ConditionOperator, value any) kyverno.Condition {
	return kyverno.Condition{RawKey: raw(key), Operator: op, RawValue: raw(value)}
}

func raw(v any) *apiextv1.JSON {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings, booleans and lists of strings always marshal
	}
	return &apiextv1.JSON{Raw: b}
}
