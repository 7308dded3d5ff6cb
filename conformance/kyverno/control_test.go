package kyverno

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A control breaks a copy of a suite or of its policy, and the check must
// say so.
type control struct {
	name, suite string
	// file is relative to the repository.
	file     string
	old, new string
	want     string
}

const (
	suite      = "policies/podview-inject/.kyverno-test/"
	mpolSuite  = "policies/podview-inject-mpol/.kyverno-test/"
	components = "kustomize/components/"
)

var controls = []control{
	{"typo in a rule", "podview-inject", suite + "kyverno-test.yaml",
		"rule: inject\n", "rule: injekt\n", "not evaluated: podview-inject rule=injekt"},
	{"typo in a policy", "podview-inject-mpol", mpolSuite + "kyverno-test.yaml",
		"policy: podview-inject-pod\n", "policy: podview-inject-pot\n", "podview-inject-pot rule= v1/Pod/plain/pod-opt-in Fail Not found"},
	{"typo in a resource", "podview-inject", suite + "kyverno-test.yaml",
		"opted/multi\n", "opted/mulit\n", "missing row: podview-inject rule=inject v1/Pod/opted/multi"},
	{"resource without a row", "podview-inject", suite + "kyverno-test.yaml",
		"      - opted/mirror\n", "", "no row for v1/Pod/opted/mirror"},
	{"missing patched document", "podview-inject", suite + "patched.yaml",
		"name: own-mount\n", "name: own-mouse\n", "v1/Pod/opted/own-mount Fail"},
	{"wrong field in a patched document", "podview-inject-mpol", suite + "patched.yaml",
		"readOnly: true", "readOnly: false", "Resource diff"},
	{"result turned around", "podview-audit", "policies/podview-audit/.kyverno-test/kyverno-test.yaml",
		"result: fail", "result: pass", "Want pass, got fail"},
	{"ClusterPolicy: opt-out forgotten", "podview-inject", components + "policy-kyverno/inject.yaml",
		"podview.dev/inject: disabled", "podview.dev/inject: never", "v1/Pod/opted/opt-out Fail"},
	{"ClusterPolicy: user's mount not seen", "podview-inject", components + "policy-kyverno/inject.yaml",
		`''/proc/cpuinfo'', ''/proc/cpuinfo/''`, `''/proc/cpuinfos''`, "v1/Pod/opted/own-mount Fail"},
	{"MutatingPolicy: Deployments too", "podview-inject-mpol", components + "policy-mutatingpolicy/inject.yaml",
		"controllers: []", "controllers: [deployments]", "apps/v1/Deployment/opted/workload Fail"},
	{"MutatingPolicy: hostUsers not looked at", "podview-inject-mpol", components + "policy-mutatingpolicy/inject.yaml",
		"object.spec.?hostUsers.orValue(true) == true", "true", "v1/Pod/opted/user-namespace Fail"},
	{"ClusterPolicy: a second run adds again", "podview-inject-again", components + "policy-kyverno/inject.yaml",
		"[?name==''podview-cpuinfo'']", "[?name==''podview'']", "v1/Pod/opted/simple Fail Resource diff"},
	{"MutatingPolicy: a second run adds again", "podview-inject-again-mpol", components + "policy-mutatingpolicy/inject.yaml",
		"v.name == p.volume)", "v.name == p.path)", "v1/Pod/opted/simple Fail Resource diff"},
	{"ClusterPolicy: label in spite of opt-out", "podview-label", components + "policy-kyverno-label/inject.yaml",
		"podview.dev/inject: disabled", "podview.dev/inject: never", "v1/Pod/opted/opt-out Fail"},
	{"MutatingPolicy: label besides volumes", "podview-label-rest-mpol", components + "policy-mutatingpolicy-label-rest/inject.yaml",
		"object.spec.?hostUsers.orValue(true) == false", "true", "v1/Pod/opted/simple Fail"},
	{"ClusterPolicy: label besides volumes", "podview-label-rest", components + "policy-kyverno-label-rest/inject.yaml",
		"operator: In\n", "operator: NotIn\n", "v1/Pod/opted/simple Fail"},
	{"ClusterPolicy: the user's evictable volumes lost", "podview-inject", components + "policy-kyverno/inject.yaml",
		"''podview-cpuinfo''][?@ != '''']", "''podview-cpuinfo''][1:]", "v1/Pod/opted/evictable Fail Resource diff"},
	{"MutatingPolicy: evictable volumes named twice", "podview-inject-mpol", components + "policy-mutatingpolicy/inject.yaml",
		`!(v in variables.evictable.split(","))`, `v != ""`, "v1/Pod/opted/evictable Fail Resource diff"},
	{"ClusterPolicy: optional mount although one is above", "podview-inject-optional", components + "policy-kyverno-optional/inject.yaml",
		"''/sys'', ", "", "v1/Pod/opted/injected Fail Resource diff"},
	{"MutatingPolicy: optional volumes in restricted namespaces", "podview-inject-optional-mpol", components + "policy-mutatingpolicy-optional/inject.yaml",
		"        - baseline\n", "", "v1/Pod/baseline/psa-baseline Fail"},
	{"ClusterPolicy: virtual nodes not looked at", "podview-inject", components + "policy-kyverno/inject.yaml",
		"''virtual-kubelet.io/provider''", "''x''", "v1/Pod/opted/virtual-node Fail"},
	{"ClusterPolicy: privileged containers not looked at", "podview-inject", components + "policy-kyverno/inject.yaml",
		"element.securityContext.privileged", "element.securityContext.x", "v1/Pod/opted/tuning Fail Resource diff"},
	{"ClusterPolicy: Windows by affinity not looked at", "podview-label", components + "policy-kyverno-label/inject.yaml",
		"operator==''In''", "operator==''NotIn''", "v1/Pod/opted/windows-affinity Fail"},
	{"MutatingPolicy: Windows by affinity not looked at", "podview-inject-mpol", components + "policy-mutatingpolicy/inject.yaml",
		`"windows" in e.?values`, `"x" in e.?values`, "v1/Pod/opted/windows-affinity Fail"},
	{"MutatingPolicy: mount below not looked at", "podview-inject-mpol", components + "policy-mutatingpolicy/inject.yaml",
		`m.mountPath.startsWith(p.path + "/")`, `false`, "v1/Pod/opted/tuning Fail Resource diff"},
	{"ClusterPolicy: a reason that is not said", "podview-why", components + "policy-kyverno-why/why.yaml",
		"contains(values, ''windows'')", "contains(values, ''x'')", "rule=windows v1/Pod/opted/windows Fail Want fail, got pass"},
	{"ValidatingPolicy: a reason that is not said", "podview-why-vpol", components + "policy-mutatingpolicy-why/why.yaml",
		"virtual-kubelet.io/provider", "x", "podview-why rule= v1/Pod/opted/virtual Fail Want fail, got pass"},
	{"ephemeral: existing ones changed", "podview-inject-ephemeral", components + "policy-kyverno/inject.yaml",
		"AnyNotIn", "NotEquals", "v1/Pod/opted/debug Fail"},
}

func TestControls(t *testing.T) {
	kyverno := binary(t)
	for _, c := range controls {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			for _, dir := range []string{"policies", "kustomize/components"} {
				copyYAML(t, filepath.Join("../..", dir), filepath.Join(root, dir))
			}
			file := filepath.Join(root, c.file)
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			broken := strings.ReplaceAll(string(content), c.old, c.new)
			if broken == string(content) {
				t.Fatalf("%s does not have %q", c.file, c.old)
			}
			if err := os.WriteFile(file, []byte(broken), 0o644); err != nil {
				t.Fatal(err)
			}
			_, err = check(kyverno, filepath.Join(root, "policies", c.suite, ".kyverno-test"), wanted(t, c.suite))
			if err == nil {
				t.Fatal("the check passes")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("the check says\n%v\nwant %q", err, c.want)
			}
		})
	}
}

func copyYAML(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".yaml" {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(to, rel)), 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), content, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}
