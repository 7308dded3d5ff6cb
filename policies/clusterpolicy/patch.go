package clusterpolicy

import (
	"fmt"
	"strings"

	kyverno "github.com/kyverno/kyverno/api/kyverno/v1"
	"github.com/podview/podview/policies/injection"
)

// podPatches are one foreach per path and list. A strategic merge would be
// shorter, but it corrupts a mount of the user's at the same path, and puts
// the containers that it changes before those that it does not.
func podPatches(v injection.Variant) []kyverno.ForEachMutation {
	var each []kyverno.ForEachMutation
	for _, m := range v.Mounts {
		each = append(each, volumePatch(m))
	}
	for _, containers := range []string{"initContainers", "containers"} {
		for _, m := range v.Mounts {
			each = append(each, mountPatch(containers, m, notForeign(m)))
		}
	}
	for _, m := range v.Mounts {
		each = append(each, evictablePatch(m))
	}
	return each
}

// ephemeralPatches touch new ephemeral containers only, since those that
// exist are immutable, and only paths whose volume the pod already has.
func ephemeralPatches(v injection.Variant) []kyverno.ForEachMutation {
	var each []kyverno.ForEachMutation
	for _, m := range v.Mounts {
		each = append(each, mountPatch("ephemeralContainers", m,
			condition("{{ element.name }}", "AnyNotIn", "{{ request.oldObject.spec.ephemeralContainers[].name || `[]` }}"),
			count(fmt.Sprintf("request.object.spec.volumes[?name=='%s' && hostPath.path=='%s']", m.Volume, m.HostPath), "NotEquals"),
		))
	}
	return each
}

func volumePatch(m injection.Mount) kyverno.ForEachMutation {
	return kyverno.ForEachMutation{
		// A rule cannot mix foreach with a patch of its own: a list of one.
		List: "`[1]`",
		AnyAllConditions: &kyverno.AnyAllConditions{AllConditions: []kyverno.Condition{
			count(fmt.Sprintf("request.object.spec.volumes[?name=='%s']", m.Volume), "Equals"),
		}},
		PatchesJSON6902: fmt.Sprintf("- op: add\n  path: /spec/volumes/-\n  value: {name: %s, hostPath: {path: %s, type: %s}}\n",
			m.Volume, m.HostPath, m.Type()),
	}
}

func mountPatch(containers string, m injection.Mount, also ...kyverno.Condition) kyverno.ForEachMutation {
	theirs := fmt.Sprintf("contains(%s, mountPath)", list(m.Covered()))
	conditions := append(also, masked())
	if m.Dir {
		// Below it the view may have no such file, and nobody can make one.
		theirs += fmt.Sprintf(" || starts_with(mountPath, '%s/')", m.Path)
		// A privileged container may write to /sys.
		conditions = append(conditions, condition("{{ element.securityContext.privileged == `true` }}", "Equals", false))
	}
	return kyverno.ForEachMutation{
		List: "request.object.spec." + containers + "[]",
		AnyAllConditions: &kyverno.AnyAllConditions{AllConditions: append(conditions,
			count(fmt.Sprintf("element.volumeMounts[?%s]", theirs), "Equals"),
		)},
		PatchesJSON6902: fmt.Sprintf("- op: add\n  path: /spec/%s/{{elementIndex}}/volumeMounts/-\n  value: {name: %s, mountPath: %s, readOnly: true}\n",
			containers, m.Volume, m.Path),
	}
}

// evictablePatch adds to what the user has in the annotation. The whole patch
// is one variable: Kyverno takes its value as it is. Into a longer text it
// would paste the user's, and look for variables in it again. (A strategic
// merge drops an environment variable that the pod has twice.)
func evictablePatch(m injection.Mount) kyverno.ForEachMutation {
	listed := fmt.Sprintf(`request.object.metadata.annotations."%s" || ''`, injection.EvictableVolumes)
	return kyverno.ForEachMutation{
		List: "`[1]`",
		AnyAllConditions: &kyverno.AnyAllConditions{AllConditions: []kyverno.Condition{
			notForeign(m),
			condition(fmt.Sprintf("{{ contains(split(%s, ','), '%s') }}", listed, m.Volume), "Equals", false),
		}},
		PatchesJSON6902: fmt.Sprintf("{{ to_string([{op: 'add', path: '/metadata/annotations/%s', value: join(',', [%s, '%s'][?@ != ''])}]) }}",
			strings.ReplaceAll(injection.EvictableVolumes, "/", "~1"), listed, m.Volume),
	}
}

// masked: not procMount: Unmasked, or the pod insists. What is absent is
// null, which equals neither.
func masked() kyverno.Condition {
	return condition(fmt.Sprintf("{{ element.securityContext.procMount != '%s' || request.object.metadata.labels.\"%s\" == '%s' }}",
		injection.Unmasked, injection.UnmaskedLabel, injection.Enabled), "Equals", true)
}

// notForeign: a volume of that name which is not podview's is the user's.
func notForeign(m injection.Mount) kyverno.Condition {
	return count(fmt.Sprintf("request.object.spec.volumes[?name=='%s' && hostPath.path!='%s']", m.Volume, m.HostPath), "Equals")
}

// list is a JMESPath list of strings.
func list(values []string) string { return "['" + strings.Join(values, "', '") + "']" }

// count compares the number of elements with 0.
func count(list string, op kyverno.ConditionOperator) kyverno.Condition {
	return condition("{{ length("+list+" || `[]`) }}", op, 0)
}
