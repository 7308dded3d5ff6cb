package render

import (
	"strings"
	"testing"

	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	luajson "layeh.com/gopher-json"
	"sigs.k8s.io/yaml"
)

// statuses are what Kyverno 1.19.1 writes (its pkg/controllers/policystatus
// and pkg/controllers/webhook), and what both tools must make of it.
var statuses = []struct{ name, kind, status, argoCD, flux string }{
	{"ClusterPolicy, new", "ClusterPolicy", ``, "Progressing", ""},
	{"ClusterPolicy, empty", "ClusterPolicy", `{autogen: {}, rulecount: {generate: 0, mutate: 1, validate: 0, verifyimages: 0}}`, "Progressing", ""},
	{"ClusterPolicy, ready", "ClusterPolicy", `{conditions: [{type: Ready, status: "True", reason: Succeeded, message: Ready, lastTransitionTime: "2026-11-22T10:00:00Z"}]}`, "Healthy", ""},
	{"ClusterPolicy, not ready", "ClusterPolicy", `{conditions: [{type: Ready, status: "False", reason: Failed, message: Not Ready, lastTransitionTime: "2026-11-22T10:00:00Z"}]}`, "Degraded", ""},
	// Without any status every expression is an error in Flux, which waits then.
	{"new", "MutatingPolicy", ``, "Progressing", "Unknown"},
	{"empty", "MutatingPolicy", `{}`, "Progressing", "InProgress"},
	{"permissions first", "MutatingPolicy", `{conditionStatus: {message: "", conditions: [{type: RBACPermissionsGranted, status: "True", reason: Succeeded, message: "Background scanning disabled; reporting permissions not required."}]}}`, "Progressing", "InProgress"},
	{"ready", "MutatingPolicy", `{conditionStatus: {message: "", ready: true, conditions: [{type: WebhookConfigured, status: "True", reason: Succeeded, message: Webhook configured.}, {type: RBACPermissionsGranted, status: "True", reason: Succeeded, message: ""}]}}`, "Healthy", "Current"},
	{"no webhook", "MutatingPolicy", `{conditionStatus: {message: "", ready: false, conditions: [{type: WebhookConfigured, status: "False", reason: Failed, message: Policy is not configured in the webhook.}]}}`, "Degraded", "Failed"},
	// The audit runs in the background only, and so has no webhook.
	{"audit ready", "ValidatingPolicy", `{conditionStatus: {message: "", ready: true, conditions: [{type: RBACPermissionsGranted, status: "True", reason: Succeeded, message: Policy is ready for reporting.}]}}`, "Healthy", "Current"},
	{"audit may not read pods", "ValidatingPolicy", `{conditionStatus: {message: "", ready: false, conditions: [{type: RBACPermissionsGranted, status: "False", reason: Failed, message: "Policy is not ready for reporting, missing permissions."}]}}`, "Degraded", "InProgress"},
}

func policyWith(t *testing.T, kind, status string) *unstructured.Unstructured {
	t.Helper()
	group := "policies.kyverno.io/v1"
	if kind == "ClusterPolicy" {
		group = "kyverno.io/v1"
	}
	text := "apiVersion: " + group + "\nkind: " + kind + "\nmetadata: {name: podview-inject, generation: 1}\nspec: {}\n"
	if status != "" {
		text += "status: " + status + "\n"
	}
	object := map[string]any{}
	if err := yaml.UnmarshalStrict([]byte(text), &object); err != nil {
		t.Fatal(err)
	}
	return &unstructured.Unstructured{Object: object}
}

func TestArgoCDHealth(t *testing.T) {
	data, _, err := unstructured.NestedStringMap(
		mustDocuments(t, read(t, "kustomize/gitops/argocd/argocd-cm.yaml"))[0].object.Object, "data")
	if err != nil || len(data) != 3 {
		t.Fatalf("%d keys, %v", len(data), err)
	}
	for _, c := range statuses {
		t.Run(c.name, func(t *testing.T) {
			object := policyWith(t, c.kind, c.status)
			group, _, _ := strings.Cut(object.GetAPIVersion(), "/")
			script := data["resource.customizations.health."+group+"_"+c.kind]
			if script == "" {
				t.Fatal("no script")
			}
			status, message := health(t, script, object)
			if status != c.argoCD || message == "" {
				t.Errorf("%s, %q, not %s", status, message, c.argoCD)
			}
		})
	}
}

// health runs a script as Argo CD does (util/lua: runLua), with the base library
// and nothing else.
func health(t *testing.T, script string, object *unstructured.Unstructured) (status, message string) {
	t.Helper()
	l := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer l.Close()
	for name, open := range map[string]lua.LGFunction{lua.LoadLibName: lua.OpenPackage, lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable} {
		if err := l.CallByParam(lua.P{Fn: l.NewFunction(open), Protect: true}, lua.LString(name)); err != nil {
			t.Fatal(err)
		}
	}
	l.SetGlobal("obj", luajson.DecodeValue(l, object.Object))
	if err := l.DoString(script); err != nil {
		t.Fatal(err)
	}
	result, ok := l.Get(-1).(*lua.LTable)
	if !ok {
		t.Fatalf("the script returns a %s", l.Get(-1).Type())
	}
	return result.RawGetString("status").String(), result.RawGetString("message").String()
}

func TestFluxHealth(t *testing.T) {
	object := mustDocuments(t, read(t, "kustomize/gitops/flux/policies-mutatingpolicy.yaml"))[0].object.Object
	list, _, err := unstructured.NestedSlice(object, "spec", "healthCheckExprs")
	if err != nil || len(list) == 0 {
		t.Fatal("no expressions", err)
	}
	text, err := yaml.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	var checks []kustomize.CustomHealthCheck
	if err := yaml.UnmarshalStrict(text, &checks); err != nil {
		t.Fatal(err)
	}
	newReader, err := cel.NewStatusReader(checks)
	if err != nil {
		t.Fatal(err)
	}
	reader := newReader(nil)
	for _, c := range statuses {
		if c.flux == "" { // a Ready condition, which Flux reads by itself
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			got, err := reader.ReadStatusForObject(t.Context(), nil, policyWith(t, c.kind, c.status))
			if err != nil {
				t.Fatal(err)
			}
			if string(got.Status) != c.flux {
				t.Errorf("%s (%v), not %s", got.Status, got.Error, c.flux)
			}
		})
	}
}
