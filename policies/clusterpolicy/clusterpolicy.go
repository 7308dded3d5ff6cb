// Package clusterpolicy renders kyverno.io/v1 ClusterPolicy for Kyverno 1.13
// to 1.19. Kyverno 1.20 refuses the kind.
package clusterpolicy

import (
	kyverno "github.com/kyverno/kyverno/api/kyverno/v1"
	"github.com/podview/podview/policies/injection"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// timeoutSeconds is Kyverno's own default: a smaller value is not honoured,
// because all ClusterPolicies share one webhook.
const timeoutSeconds = 10

// Objects is the mutating policy of a variant. It holds both rules: one for
// new pods, one for new ephemeral containers.
func Objects(v injection.Variant, r injection.Rules) []runtime.Object {
	p := policy(v.Name("podview-inject"), map[string]string{
		"policies.kyverno.io/title":       "Mount podview's files into pods",
		"policies.kyverno.io/description": "Adds a read-only mount per file of /proc and /sys that podview serves to the pods of namespaces, and to pods, labelled podview.dev/inject=enabled.",
	})
	p.Spec.Admission, p.Spec.Background = boolean(true), boolean(false)
	p.Spec.Rules = []kyverno.Rule{{
		Name:                   "inject",
		SkipBackgroundRequests: boolean(true),
		MatchResources:         match("Pod", kyverno.Create),
		ExcludeResources:       exclude(r),
		RawAnyAllConditions:    conditions(leftAlone(r)),
		Mutation:               &kyverno.Mutation{ForEachMutation: podPatches(v)},
	}, {
		Name:                   "inject-ephemeral",
		SkipBackgroundRequests: boolean(true),
		MatchResources:         matchAnywhere("Pod/ephemeralcontainers", kyverno.Update),
		ExcludeResources:       exclude(r),
		RawAnyAllConditions:    conditions(leftAlone(r)),
		Mutation:               &kyverno.Mutation{ForEachMutation: ephemeralPatches(v)},
	}}
	return []runtime.Object{p}
}

// Audit reports running pods that lack the volumes. It is a background scan
// only, so admission never waits for it.
func Audit(v injection.Variant, r injection.Rules) []runtime.Object {
	p := policy(v.Name("podview-audit"), map[string]string{
		"policies.kyverno.io/title":       "Report pods without podview's files",
		"policies.kyverno.io/description": "Reports running pods that opted in and lack podview's volumes. They were admitted while Kyverno was away, or before the label was set.",
	})
	p.Spec.Admission, p.Spec.Background = boolean(false), boolean(true)
	audit := kyverno.Audit
	p.Spec.Rules = []kyverno.Rule{{
		Name:                   "has-volumes",
		SkipBackgroundRequests: boolean(true),
		MatchResources:         match("Pod"),
		ExcludeResources:       exclude(r),
		RawAnyAllConditions:    conditions(append(leftAlone(r), running())),
		Validation: &kyverno.Validation{
			FailureAction:           &audit,
			AllowExistingViolations: boolean(true),
			Message:                 "the pod opted in and lacks podview's volumes: restart it",
			Deny:                    &kyverno.Deny{RawAnyAllConditions: conditions([]kyverno.Condition{lacksVolumes(v)})},
		},
	}}
	return []runtime.Object{p}
}

func policy(name string, annotations map[string]string) *kyverno.ClusterPolicy {
	annotations["policies.kyverno.io/category"] = "podview"
	annotations["policies.kyverno.io/severity"] = "low"
	annotations["policies.kyverno.io/subject"] = "Pod"
	// webhookConfiguration.failurePolicy came with 1.13.
	annotations["policies.kyverno.io/minversion"] = "1.13.0"
	// Rules for pods are else copied to the templates of Deployments, which
	// GitOps tools then report as drift.
	annotations["pod-policies.kyverno.io/autogen-controllers"] = "none"
	ignore, timeout := kyverno.Ignore, int32(timeoutSeconds)
	return &kyverno.ClusterPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: "kyverno.io/v1", Kind: "ClusterPolicy"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: annotations},
		Spec: kyverno.Spec{
			EmitWarning:             boolean(false),
			ValidationFailureAction: kyverno.Audit,
			WebhookConfiguration:    &kyverno.WebhookConfiguration{FailurePolicy: &ignore, TimeoutSeconds: &timeout},
		},
	}
}

func boolean(b bool) *bool { return &b }
