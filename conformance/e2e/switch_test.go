package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// A back end is a component of kustomize/components, and the object that tells
// when it works; none for the native one, whose status says nothing of it.
type backEnd struct{ component, object string }

var (
	clusterPolicy  = backEnd{"policy-kyverno", "clusterpolicy/podview-inject"}
	mutatingPolicy = backEnd{"policy-mutatingpolicy", "mutatingpolicy/podview-inject"}
	native         = backEnd{"policy-native", ""}
)

// The pods that the back ends are compared by.
var compared = map[string]string{
	"plain":   limited,
	"several": "initContainers:\n- {name: first, SLEEP}\n- {name: sidecar, SLEEP, restartPolicy: Always}\ncontainers:\n- {name: one, SLEEP}\n- {name: two, SLEEP}\n",
	"own mount": `
containers:
- {name: main, SLEEP, volumeMounts: [{name: own, mountPath: /proc/meminfo, subPath: x}]}
volumes: [{name: own, emptyDir: {}}]`,
	"own volume of a reserved name": `
containers:
- {name: main, SLEEP}
volumes: [{name: podview-stat, emptyDir: {}}]`,
	"privileged, and a mount below a directory": `
containers:
- {name: main, SLEEP, securityContext: {privileged: true}}
- {name: below, SLEEP, volumeMounts: [{name: own, mountPath: /sys/devices/system/cpu/cpu0/x}]}
volumes: [{name: own, emptyDir: {}}]`,
	"opted out": "OPTED_OUT" + limited,
}

// TestBackEnds moves from one back end to the next, as docs/policies.md has it.
// The same pods come out of all, byte by byte. It leaves the native one.
func TestBackEnds(t *testing.T) {
	if running == nil {
		t.Skip("needs a cluster: make e2e")
	}
	needKyverno(t)
	aloneOn(t, nodes[0], "equal pods", optedIn, func(s *space) {
		want := s.admitted()
		if !strings.Contains(want["plain"], "podview-meminfo") {
			s.Fatalf("not injected:\n%s", want["plain"])
		}
		for _, step := range []struct{ from, to backEnd }{{clusterPolicy, mutatingPolicy}, {mutatingPolicy, native}} {
			move(s, step.from, step.to)
			for name, got := range s.admitted() {
				if got != want[name] {
					s.Errorf("%s, pod %q:\n%s\nof %s it was\n%s", step.to.component, name, got, clusterPolicy.component, want[name])
				}
			}
			s.pod(step.to.component, limited)
			s.sees(step.to.component, limitedView)
		}
	})
}

// admitted is what the API server would store of each pod.
func (s *space) admitted() map[string]string {
	s.Helper()
	pods := map[string]string{}
	for name, spec := range compared {
		labels := "{}"
		if rest, out := strings.CutPrefix(spec, "OPTED_OUT"); out {
			spec, labels = rest, "{podview.dev/inject: disabled}"
		}
		// The name of a token's volume is random.
		manifest := s.manifest("pod", labels, "automountServiceAccountToken: false\n"+strings.TrimSpace(spec))
		pods[name] = kubectlIn(s, macros.Replace(manifest), "create", "--dry-run=server", "-f", "-",
			"-o", "jsonpath={.metadata.labels} {.metadata.annotations} {.spec}")
	}
	return pods
}

func kubectlIn(s *space, stdin string, args ...string) string {
	s.Helper()
	return kube(s.T, 30*time.Second, stdin, append([]string{"-n", s.name}, args...)...)
}

// move adds a back end, waits for it, and removes another.
func move(t interface {
	Helper()
	Fatal(...any)
}, from, to backEnd) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	components := checkout() + "/kustomize/components/"
	if _, err := try(time.Minute, "", "apply", "--server-side", "-k", components+to.component); err != nil {
		t.Fatal(err)
	}
	if to.object != "" {
		if err := policy.WaitForPolicy(ctx, to.object); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := try(time.Minute, "", "delete", "-k", components+from.component); err != nil {
		t.Fatal(err)
	}
	if err := poll(time.Minute, func() error { return injects("podview-meminfo") }); err != nil {
		t.Fatal(err)
	}
}

// present tells whether a policy of a back end is in the cluster.
func present(kind string) bool {
	out, err := try(30*time.Second, "", "get", kind, "podview-inject", "--ignore-not-found", "-o", "name")
	return err == nil && strings.TrimSpace(out) != ""
}

// useNative makes a cluster that needs no Kyverno.
func useNative(t testing.TB) {
	t.Helper()
	if policy == nil {
		return
	}
	if !present("mutatingadmissionpolicy") {
		move(t, clusterPolicy, native)
	}
	policy.Stop()
	if _, err := try(time.Minute, "", "delete", "mutatingwebhookconfigurations,validatingwebhookconfigurations", "-l", "webhook.kyverno.io/managed-by=kyverno"); err != nil {
		t.Fatal(fmt.Errorf("Kyverno's webhooks stay: %w", err))
	}
}
