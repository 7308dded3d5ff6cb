package cel

import (
	"fmt"
	"strings"

	"github.com/podview/podview/policies/injection"
	admissionv1 "k8s.io/api/admissionregistration/v1"
)

// paths is the list that the patch walks. Kubernetes' CEL wants the values of
// a map to have one type, so all are strings.
func paths(v injection.Variant) []admissionv1.Variable {
	var b strings.Builder
	b.WriteString("[\n")
	for i, m := range v.Mounts {
		comma := ","
		if i == len(v.Mounts)-1 {
			comma = ""
		}
		fmt.Fprintf(&b, "  {\"volume\": %q, \"path\": %q, \"host\": %q, \"type\": %q}%s\n",
			m.Volume, m.Path, m.HostPath, m.Type(), comma)
	}
	b.WriteString("]")
	return []admissionv1.Variable{{Name: "paths", Expression: b.String()}}
}

// volumes says which volumes to add and which paths to mount. A path whose
// volume name the user took for something else is not mounted.
func volumes() []admissionv1.Variable {
	return []admissionv1.Variable{{
		Name: "absent",
		Expression: "variables.paths.filter(p, !object.spec.?volumes.orValue([]).exists(v,\n" +
			"  v.name == p.volume))",
	}, {
		Name: "mounts",
		Expression: "variables.paths.filter(p, !object.spec.?volumes.orValue([]).exists(v,\n" +
			"  v.name == p.volume && v.?hostPath.?path.orValue(\"\") != p.host))",
	}, {
		Name:       "evictable",
		Expression: fmt.Sprintf("object.metadata.?annotations[?%q].orValue(\"\")", injection.EvictableVolumes),
	}, {
		Name:       "unlisted",
		Expression: "variables.mounts.map(p, p.volume).filter(v, !(v in variables.evictable.split(\",\")))",
	}}
}

// injectedVolumes: the volumes of a pod cannot change once it runs, so only
// what the pod has can be mounted.
func injectedVolumes() admissionv1.Variable {
	return admissionv1.Variable{
		Name: "mounts",
		Expression: "variables.paths.filter(p, object.spec.?volumes.orValue([]).exists(v,\n" +
			"  v.name == p.volume && v.?hostPath.?path.orValue(\"\") == p.host))",
	}
}

const volumePatch = `(has(object.spec.volumes) ? [] :
  [JSONPatch{op: "add", path: "/spec/volumes", value: []}]) +
variables.absent.map(p,
  JSONPatch{op: "add", path: "/spec/volumes/-", value: Object.spec.volumes{
    name: p.volume,
    hostPath: Object.spec.volumes.hostPath{path: p.host, type: p.type}
  }})`

// evictablePatch: what the user has in the annotation stays as it is.
var evictablePatch = fmt.Sprintf(`(variables.unlisted.size() == 0 ? [] :
  (has(object.metadata.annotations) ? [] :
    [JSONPatch{op: "add", path: "/metadata/annotations", value: Object.metadata.annotations{}}]) +
  [JSONPatch{op: "add", path: "/metadata/annotations/%s",
    value: ((variables.evictable == "" ? [] : [variables.evictable]) + variables.unlisted).join(",")}])`,
	strings.ReplaceAll(injection.EvictableVolumes, "/", "~1"))

// mountPatch is the patch of one list of containers, but for those with
// procMount: Unmasked whose pod does not insist. A mount of the user's at
// the path, above or below it wins: below, the view may have no such file, and
// nobody can make one. A privileged container may write to /sys. A list of Object values would panic in the API
// server (0.36.3), so each mount is an operation of its own.
func mountPatch(list, only string) string {
	return strings.NewReplacer("LIST", list, "ONLY", only,
		"INSISTS", labelOf(injection.UnmaskedLabel)+fmt.Sprintf(" == %q", injection.Enabled),
		"UNMASKED", fmt.Sprintf("%q", injection.Unmasked)).Replace(
		`object.spec.?LIST.orValue([]).transformList(i, c,ONLY
  (c.?securityContext.?procMount.orValue("") != UNMASKED || INSISTS),
  (has(c.volumeMounts) ? [] :
    [JSONPatch{op: "add", path: "/spec/LIST/" + string(i) + "/volumeMounts", value: []}]) +
  variables.mounts.filter(p, !(p.type == "Directory" && c.?securityContext.?privileged.orValue(false)) && !c.?volumeMounts.orValue([]).exists(m,
    (p.path + "/").startsWith(m.mountPath.endsWith("/") ? m.mountPath : m.mountPath + "/") ||
    m.mountPath.startsWith(p.path + "/")
  )).map(p,
    JSONPatch{op: "add", path: "/spec/LIST/" + string(i) + "/volumeMounts/-", value: Object.spec.LIST.volumeMounts{
      name: p.volume,
      mountPath: p.path,
      readOnly: true
    }})
).flatten()`)
}

var (
	podPatch = volumePatch + " +\n" + mountPatch("initContainers", "") + " +\n" + mountPatch("containers", "") +
		" +\n" + evictablePatch + "\n"
	// Only new ephemeral containers: those that exist are immutable.
	ephemeralPatch = mountPatch("ephemeralContainers",
		"\n  !oldObject.spec.?ephemeralContainers.orValue([]).exists(o, o.name == c.name) &&") + "\n"
)
