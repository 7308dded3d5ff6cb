package render

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// namespaced has every kind that is shipped. A kind that is new here must be
// looked up: a namespace on a cluster-scoped object is refused by some tools.
var namespaced = map[string]bool{
	"Namespace": false, "ClusterPolicy": false, "MutatingPolicy": false, "ValidatingPolicy": false,
	"MutatingAdmissionPolicy": false, "MutatingAdmissionPolicyBinding": false,
	"ValidatingAdmissionPolicy": false, "ValidatingAdmissionPolicyBinding": false,
	"ServiceAccount": true, "DaemonSet": true, "RoleBinding": true, "ResourceQuota": true, "PodMonitor": true,
	"NetworkPolicy": true, "ClusterRole": false, "ClusterRoleBinding": false, "NodeReadinessRule": false,
}

func TestInvariants(t *testing.T) {
	for _, target := range targets(t) {
		t.Run(testName(target), func(t *testing.T) { checkInvariants(t, build(t, repository, target)) })
	}
}

func checkInvariants(t *testing.T, text []byte) {
	t.Helper()
	if strings.Contains(string(text), "${") {
		t.Error("${ is in it: Flux's postBuild would replace that")
	}
	for _, d := range mustDocuments(t, text) {
		want := ""
		scoped, known := namespaced[d.object.GetKind()]
		if !known {
			t.Errorf("%s: is this kind namespaced?", d)
		} else if scoped {
			want = "podview-system"
		}
		if got := d.object.GetNamespace(); got != want {
			t.Errorf("%s: namespace %q, not %q", d, got, want)
		}
		if d.object.GetKind() == "DaemonSet" {
			var daemonSet appsv1.DaemonSet
			err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(d.object.Object, &daemonSet, true)
			if err != nil {
				t.Errorf("%s: %v", d, err)
			}
			checkDaemonSet(t, daemonSet)
		}
	}
}

var pinned = regexp.MustCompile(`^[^:@]+(:v\d+\.\d+\.\d+)?(@sha256:[0-9a-f]{64})?$`)

// checkDaemonSet is what keeps running pods alive, whatever a patch does.
func checkDaemonSet(t *testing.T, d appsv1.DaemonSet) {
	t.Helper()
	spec := d.Spec.Template.Spec
	container := spec.Containers[0]
	if len(spec.InitContainers) != 0 {
		t.Errorf("%s: init containers", d.Name)
	}
	for _, other := range spec.Containers[1:] {
		if other.Name == "readiness" {
			checkReporter(t, d.Name, container, other)
			continue
		}
		checkPlugin(t, d.Name, container, other)
	}
	checkToken(t, d.Name, spec)
	if m := pinned.FindStringSubmatch(container.Image); m == nil || m[1]+m[2] == "" {
		t.Errorf("%s: image %s is not pinned", d.Name, container.Image)
	}
	if container.Lifecycle != nil {
		t.Errorf("%s: a lifecycle hook must not touch the mount", d.Name)
	}
	if !slices.Contains(container.Args, "--leave-mounted") {
		t.Errorf("%s: args %q have no --leave-mounted", d.Name, container.Args)
	}
	if *spec.AutomountServiceAccountToken || spec.HostNetwork || !spec.HostPID {
		t.Errorf("%s: token %t, host network %t, host PIDs %t", d.Name, *spec.AutomountServiceAccountToken, spec.HostNetwork, spec.HostPID)
	}
	checkRollout(t, d)
	checkVolumes(t, d.Name, spec)
	checkRunDir(t, d.Name, spec)
	checkProbes(t, d.Name, container)
}

// checkRollout: each update is a hand-over. A node whose pod does not come takes one
// of the surge (kubernetes pkg/controller/daemon/update.go), a node that is none
// would do so for ever: of three nodes one more may be updated.
func checkRollout(t *testing.T, d appsv1.DaemonSet) {
	t.Helper()
	rolling := d.Spec.UpdateStrategy.RollingUpdate
	surge, err := intstr.GetScaledValueFromIntOrPercent(rolling.MaxSurge, 3, true)
	if err != nil || surge < 2 || rolling.MaxUnavailable.IntValue() != 0 || rolling.MaxUnavailable.StrVal != "" {
		t.Errorf("%s: surge %d of 3 nodes, %v: %v", d.Name, surge, err, rolling)
	}
	terms := d.Spec.Template.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	if len(terms) != 1 { // another would be an alternative
		t.Fatalf("%s: %d terms", d.Name, len(terms))
	}
	selector := labels.NewSelector()
	for _, e := range terms[0].MatchExpressions {
		requirement, err := labels.NewRequirement(e.Key, selection.Operator(strings.ToLower(string(e.Operator))), e.Values)
		if err != nil {
			t.Fatalf("%s: %v", d.Name, err)
		}
		selector = selector.Add(*requirement)
	}
	for label, want := range map[string]bool{
		"eks.amazonaws.com/compute-type=fargate": false, "eks.amazonaws.com/compute-type=hybrid": true, "eks.amazonaws.com/compute-type=auto": true,
		"type=virtual-kubelet": false, "type=large": true, "kubernetes.io/hostname=a": true,
	} {
		key, value, _ := strings.Cut(label, "=")
		if selector.Matches(labels.Set{key: value}) != want {
			t.Errorf("%s: runs on a node with %s: %t", d.Name, label, !want)
		}
	}
	if d.Spec.Template.Spec.NodeSelector["kubernetes.io/os"] != "linux" {
		t.Errorf("%s: runs on Windows", d.Name)
	}
}

// checkPlugin: the one other container is the NRI plugin, of the same image
// and view, and is not privileged.
func checkPlugin(t *testing.T, name string, daemon, plugin corev1.Container) {
	t.Helper()
	security := plugin.SecurityContext
	rights := []corev1.Capability{"SYS_ADMIN", "SYS_CHROOT", "SYS_PTRACE"}
	if slices.Contains(plugin.Args, "--time-namespace") {
		rights = append(rights, "SYS_TIME")
	}
	if plugin.Name != "nri" || !slices.Equal(plugin.Command, []string{"/podview-nri"}) || plugin.Image != daemon.Image || !slices.Contains(daemon.Args, plugin.Args[0]) {
		t.Errorf("%s: container %s of %s with %q %q", name, plugin.Name, plugin.Image, plugin.Command, plugin.Args)
	}
	if security.Privileged != nil || !slices.Equal(security.Capabilities.Drop, []corev1.Capability{"ALL"}) ||
		!slices.Equal(security.Capabilities.Add, rights) {
		t.Errorf("%s: the plugin's rights are %v", name, security)
	}
	for _, m := range plugin.VolumeMounts {
		if m.MountPropagation != nil && *m.MountPropagation == corev1.MountPropagationBidirectional {
			t.Errorf("%s: the plugin's mounts of %s are the host's, too", name, m.Name)
		}
	}
}

// checkReporter: it has no rights on the node, and asks the daemon's probe.
func checkReporter(t *testing.T, name string, daemon, reporter corev1.Container) {
	t.Helper()
	security := reporter.SecurityContext
	if security.Privileged != nil || *security.AllowPrivilegeEscalation || !*security.RunAsNonRoot || !*security.ReadOnlyRootFilesystem ||
		!slices.Equal(security.Capabilities.Drop, []corev1.Capability{"ALL"}) || security.Capabilities.Add != nil {
		t.Errorf("%s: the reporter's rights are %v", name, security)
	}
	port := ""
	for _, arg := range daemon.Args {
		if address, ok := strings.CutPrefix(arg, "--probe-address="); ok {
			port = address
		}
	}
	env := map[string]string{}
	for _, e := range reporter.Env {
		env[e.Name] = e.Value
	}
	if want := "http://127.0.0.1" + port + daemon.ReadinessProbe.HTTPGet.Path; env["CHECK_ENDPOINT"] != want {
		t.Errorf("%s: the reporter asks %s, not %s", name, env["CHECK_ENDPOINT"], want)
	}
	if !strings.HasPrefix(env["METRICS_BIND_ADDRESS"], "127.0.0.1:") {
		t.Errorf("%s: the reporter's metrics are open to all: %s", name, env["METRICS_BIND_ADDRESS"])
	}
	if m := pinned.FindStringSubmatch(reporter.Image); m == nil || m[1]+m[2] == "" {
		t.Errorf("%s: image %s is not pinned", name, reporter.Image)
	}
}

// checkToken: the daemon and the plugin talk to no API server.
func checkToken(t *testing.T, name string, spec corev1.PodSpec) {
	t.Helper()
	for _, v := range spec.Volumes {
		for _, c := range spec.Containers {
			mounted := slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == v.Name })
			if (v.HostPath == nil) == (c.Name != "readiness") && mounted {
				t.Errorf("%s: container %s mounts %s", name, c.Name, v.Name)
			}
		}
	}
}

// checkVolumes: the volume is the mountpoint's parent, and the same path on
// both sides, since the policies' hostPaths are the host's.
func checkVolumes(t *testing.T, name string, spec corev1.PodSpec) {
	t.Helper()
	mountpoint := ""
	for _, arg := range spec.Containers[0].Args {
		if value, ok := strings.CutPrefix(arg, "--mount="); ok {
			mountpoint = value
		}
	}
	host := map[string]string{}
	for _, v := range spec.Volumes {
		if v.HostPath != nil {
			host[v.Name] = v.HostPath.Path
		}
	}
	shared := 0
	for _, m := range spec.Containers[0].VolumeMounts {
		if m.MountPropagation == nil || *m.MountPropagation != corev1.MountPropagationBidirectional {
			continue
		}
		shared++
		if m.MountPath != filepath.Dir(mountpoint) || host[m.Name] != m.MountPath {
			t.Errorf("%s: %s on the host is %s in the pod, which mounts %s", name, host[m.Name], m.MountPath, mountpoint)
		}
	}
	if shared != 1 {
		t.Errorf("%s: %d shared volumes", name, shared)
	}
}

// checkProbes: what others can make fail must not end the pod's containers.
func checkProbes(t *testing.T, name string, daemon corev1.Container) {
	t.Helper()
	if daemon.LivenessProbe != nil || daemon.ReadinessProbe == nil {
		t.Errorf("%s: liveness probe %v, readiness probe %v", name, daemon.LivenessProbe, daemon.ReadinessProbe)
	}
}

// checkRunDir: the socket of a hand-over is on the host, for the next pod to
// find, and not in what pods have of the view.
func checkRunDir(t *testing.T, name string, spec corev1.PodSpec) {
	t.Helper()
	for _, m := range spec.Containers[0].VolumeMounts {
		if m.MountPath == "/run/podview" {
			for _, v := range spec.Volumes {
				if v.Name == m.Name && v.HostPath != nil && v.HostPath.Path == "/var/run/podview" {
					return
				}
			}
		}
	}
	t.Errorf("%s: podview's /run/podview is not the host's /var/run/podview", name)
}

// Every flag in a DaemonSet is one that the programs of this tree have.
func TestFlags(t *testing.T) {
	podview := os.Getenv("PODVIEW")
	if podview == "" {
		t.Skip("PODVIEW names no podview; make render does")
	}
	var help []byte
	for _, command := range []*exec.Cmd{exec.Command(podview, "serve", "--help"), exec.Command(podview+"-nri", "--help")} {
		text, err := command.CombinedOutput()
		if err != nil {
			t.Fatal(err)
		}
		help = append(help, text...)
	}
	seen := map[string]bool{}
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^ +- --([a-z-]+)`).FindAllStringSubmatch(string(text), -1) {
			seen[m[1]] = true
		}
	}
	if len(seen) < 5 {
		t.Errorf("the goldens have only the flags %v", seen)
	}
	for name := range seen {
		if !regexp.MustCompile(`(?m)^  -` + name + `( |$)`).Match(help) {
			t.Errorf("podview serve and podview-nri have no flag --%s", name)
		}
	}
}
