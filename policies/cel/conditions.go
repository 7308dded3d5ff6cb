package cel

import (
	"fmt"
	"strings"

	"github.com/podview/podview/policies/injection"
	admissionv1 "k8s.io/api/admissionregistration/v1"
)

// leftAlone are the conditions on the pod itself. The opt-out is one of them
// and no object selector: the Kyverno CLI 1.19.1 does not ask the selector.
func leftAlone(r injection.Rules) []admissionv1.MatchCondition {
	return []admissionv1.MatchCondition{{
		Name:       "not-opted-out",
		Expression: label() + fmt.Sprintf(" != %q", injection.Disabled),
	}, {
		Name:       "not-windows",
		Expression: notWindows,
	}, {
		Name:       "not-virtual",
		Expression: notVirtual,
	}, {
		Name:       "not-mirror",
		Expression: fmt.Sprintf("!(%q in object.metadata.?annotations.orValue({}))", injection.MirrorAnnotation),
	}, {
		Name:       "runtime-class",
		Expression: "object.spec.?runtimeClassName.orValue(\"\") in " + quote(r.RuntimeClasses),
	}, {
		Name:       hostUsers,
		Expression: "object.spec.?hostUsers.orValue(true) == true",
	}}
}

const hostUsers = "host-users"

var notWindows = strings.NewReplacer("LABELS", quote(injection.OSLabels), "TAINTS", quote(injection.OSTaints),
	"WINDOWS", fmt.Sprintf("%q", injection.Windows)).Replace(`object.spec.?os.?name.orValue("") != WINDOWS &&
!LABELS.exists(l, object.spec.?nodeSelector[?l].orValue("") == WINDOWS) &&
!object.spec.?affinity.?nodeAffinity.?requiredDuringSchedulingIgnoredDuringExecution.?nodeSelectorTerms.orValue([]).exists(t,
  t.?matchExpressions.orValue([]).exists(e, e.key in LABELS && e.operator == "In" && WINDOWS in e.?values.orValue([]))) &&
!object.spec.?tolerations.orValue([]).exists(t,
  t.?key.orValue("") in TAINTS && t.?value.orValue("").lowerAscii() == WINDOWS)`)

var notVirtual = labelOf(injection.FargateLabel) + fmt.Sprintf(` == "" &&
object.spec.?schedulerName.orValue("") != %q &&
!object.spec.?tolerations.orValue([]).exists(t, t.?key.orValue("") == %q)`,
	injection.FargateScheduler, injection.VirtualTaint)

func podOptedIn() admissionv1.MatchCondition {
	return admissionv1.MatchCondition{
		Name:       "opted-in",
		Expression: label() + fmt.Sprintf(" == %q", injection.Enabled),
	}
}

// injected keeps the API server from calling Kyverno for pods that have
// nothing to mount.
func injected() admissionv1.MatchCondition {
	return admissionv1.MatchCondition{
		Name:       "injected",
		Expression: fmt.Sprintf("object.spec.?volumes.orValue([]).exists(v, v.name.startsWith(%q))", injection.VolumePrefix),
	}
}

func label() string { return labelOf(injection.Label) }

func labelOf(key string) string {
	return fmt.Sprintf("object.metadata.?labels[?%q].orValue(\"\")", key)
}

// Running are the conditions of the audit: what is left alone is not
// reported, nor is a pod that has ended or not started.
func Running(r injection.Rules, in OptIn) []admissionv1.MatchCondition {
	conditions := append([]admissionv1.MatchCondition{running()}, leftAlone(r)...)
	if in == NotOptedIn {
		conditions = append([]admissionv1.MatchCondition{podOptedIn()}, conditions...)
	}
	return conditions
}

func running() admissionv1.MatchCondition {
	return admissionv1.MatchCondition{
		Name:       "running",
		Expression: `object.?status.?phase.orValue("") == "Running"`,
	}
}

// HasVolumes is true for a pod that has every volume of the variant.
func HasVolumes(v injection.Variant) string {
	return quote(v.Volumes()) + ".all(name,\n  object.spec.?volumes.orValue([]).exists(v, v.name == name))"
}
