package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/podview/podview/conformance/e2e/cluster"
)

const limited = `
containers:
- {name: main, SLEEP, resources: {limits: {cpu: 500m, memory: 64Mi}, ` + small + `}}`

var limitedView = view{65536, 1}

// Which pods get the view, and that the others run as if podview were not there.
func TestOptIn(t *testing.T) {
	for _, test := range []struct {
		name       string
		namespace  map[string]string
		pod        string // labels
		seesLimits bool
	}{
		{"namespace", optedIn, "{}", true},
		{"pod", nil, "{podview.dev/inject: enabled}", true},
		{"nobody", nil, "{}", false},
		{"pod out of the namespace", optedIn, "{podview.dev/inject: disabled}", false},
		{"pod in, namespace disabled", map[string]string{"podview.dev/inject": "disabled"}, "{podview.dev/inject: enabled}", true},
		{"enforced Pod Security", map[string]string{"podview.dev/inject": "enabled", "pod-security.kubernetes.io/enforce": "baseline"}, "{}", false},
	} {
		scenario(t, test.name, test.namespace, func(s *space) {
			s.apply(s.manifest("pod", test.pod, limited))
			s.ready("pod/pod")
			want := limitedView
			if !test.seesLimits {
				want = s.host()
			}
			s.sees("pod", want)
		})
	}
}

// Pods that cannot run here: what the API server would store is looked at.
func TestLeftAlone(t *testing.T) {
	if running != nil {
		kube(t, 30*time.Second, "apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata: {name: gvisor}\nhandler: gvisor\n", "apply", "-f", "-")
	}
	for _, test := range []struct{ name, spec string }{
		{"Windows", "os: {name: windows}"},
		{"Windows by its node selector", "nodeSelector: {kubernetes.io/os: windows}"},
		{"Windows by its affinity", "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/os, operator: In, values: [windows]}]}]}}}"},
		{"Windows by its toleration", "tolerations: [{key: os, operator: Equal, value: Windows, effect: NoSchedule}]"},
		{"a virtual node", "tolerations: [{key: virtual-kubelet.io/provider, operator: Exists}]"},
		{"Fargate", "schedulerName: fargate-scheduler"},
		{"hostUsers false", "hostUsers: false"},
		{"another runtime class", "runtimeClassName: gvisor"},
	} {
		scenario(t, test.name, optedIn, func(s *space) {
			admitted := func(spec string) string {
				return kube(s.T, 30*time.Second, "apiVersion: v1\nkind: Pod\nmetadata: {name: pod}\nspec:\n  containers: [{name: main, image: none}]\n"+indent(spec, 2),
					"-n", s.name, "create", "--dry-run=server", "-o", "yaml", "-f", "-")
			}
			if !strings.Contains(admitted("hostUsers: true"), "podview-meminfo") {
				s.Error("a pod like it, of the usual kind, is not injected")
			}
			if got := admitted(test.spec); strings.Contains(got, "podview-") {
				s.Errorf("the pod is injected:\n%s", got)
			}
		})
	}
}

// A static pod's containers are made by the kubelet, before any policy sees the
// mirror of it.
func TestStaticPod(t *testing.T) {
	scenario(t, "mirror", optedIn, func(s *space) {
		if s.node.host != cluster.NodeName {
			results.skip(s.T, "one node's kubelet has a directory for static pods")
		}
		manifest := macros.Replace(fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: static, namespace: %s}\nspec:\n%s", s.name, indent("terminationGracePeriodSeconds: 0"+limited, 2)))
		file := "/run/static-pods/" + s.name + ".yaml"
		s.inSandbox(manifest, "tee", file)
		s.Cleanup(func() { s.inSandbox("", "rm", file) })
		s.until(60*time.Second, "the mirror pod", func() error {
			_, err := s.tryExec("static-"+s.node.host, "true")
			return err
		})
		s.sees("static-"+s.node.host, s.host())
	})
}
