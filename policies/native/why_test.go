package native_test

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/podview/podview/policies/fixture"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/warning"
	"k8s.io/client-go/kubernetes/scheme"
)

// recorder keeps what kubectl would print.
type recorder struct {
	sync.Mutex
	texts []string
}

func (r *recorder) AddWarning(_, text string) {
	r.Lock()
	defer r.Unlock()
	_, text, _ = strings.Cut(text, "alone: ")
	r.texts = append(r.texts, text)
}

type warner struct{ *validating.Plugin }

func startWarner(t *testing.T, component string, namespaces map[string]map[string]string) warner {
	t.Helper()
	plugin, err := validating.NewPlugin(nil)
	if err != nil {
		t.Fatal(err)
	}
	initialize(t, plugin, documentsOf(t, filepath.Join(component, "why.yaml")), namespaces)
	w := warner{plugin}
	probe := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kyverno", Labels: map[string]string{"podview.dev/inject": "enabled"}}}
	for range 600 {
		if len(w.warnings(t, probe, nil, "namespaces", "")) > 0 {
			return w
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("no warning at all")
	return w
}

// warnings of a request. Nothing may be refused.
func (w warner) warnings(t *testing.T, o, old runtime.Object, resource, namespace string) []string {
	t.Helper()
	kinds, _, err := scheme.Scheme.ObjectKinds(o)
	if err != nil {
		t.Fatal(err)
	}
	gvr := schema.GroupVersionResource{Group: kinds[0].Group, Version: kinds[0].Version, Resource: resource}
	operation, options := admission.Create, runtime.Object(&metav1.CreateOptions{})
	if old != nil {
		operation, options = admission.Update, &metav1.UpdateOptions{}
	}
	var r recorder
	attributes := admission.NewAttributesRecord(o, old, kinds[0], namespace, "x", gvr, "", operation, options, false, nil)
	if err := w.Validate(warning.WithWarningRecorder(context.Background(), &r), attributes, admission.NewObjectInterfacesFromScheme(scheme.Scheme)); err != nil {
		t.Error(err)
	}
	return r.texts
}

const (
	windows      = "it is for Windows nodes"
	virtual      = "it is for Fargate or a virtual node"
	runtimeClass = "its runtimeClassName is not on the list of those with a usual /proc"
	hostUsers    = "with hostUsers: false it cannot have hostPath volumes of podview's; NRI works"
	podSecurity  = "its namespace enforces Pod Security, which refuses hostPath volumes; NRI works"
	listed       = "its namespace is on the list of those that are left alone"
)

// Who asks for the view and is left alone is told why, and nobody else is.
func TestWhyPods(t *testing.T) {
	want := map[string]string{
		"windows-os": windows, "windows-selector": windows, "windows-affinity": windows, "windows-old-selector": windows,
		"windows-taint": windows, "windows-node-taint": windows,
		"fargate": virtual, "fargate-scheduler": virtual, "virtual-node": virtual,
		"runtime-class": runtimeClass, "user-namespace": hostUsers,
		"psa-baseline": podSecurity, "psa-restricted": podSecurity,
		"system": listed, "daemon": listed, "add-on": listed,
	}
	s, err := fixture.Load("..", "podview-inject")
	if err != nil {
		t.Fatal(err)
	}
	for component, silent := range map[string][]string{"policy-native-why": nil, "policy-native-label-why": {hostUsers, podSecurity}} {
		w := startWarner(t, component, s.Namespaces)
		seen := 0
		for _, o := range s.Resources {
			if o.GetKind() != "Pod" {
				continue
			}
			var wanted []string
			if text := want[o.GetName()]; text != "" && !slices.Contains(silent, text) {
				wanted = []string{text}
				seen++
			}
			if have := w.warnings(t, pod(t, o), nil, "pods", o.GetNamespace()); !slices.Equal(have, wanted) {
				t.Errorf("%s, %s: warnings %q, want %q", component, o.GetName(), have, wanted)
			}
			// An update, or made by a Deployment, whose author was told.
			owned := pod(t, o)
			owned.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "r"}}
			if have := append(w.warnings(t, owned, nil, "pods", o.GetNamespace()), w.warnings(t, pod(t, o), pod(t, o), "pods", o.GetNamespace())...); have != nil {
				t.Errorf("%s, %s: warnings %q again", component, o.GetName(), have)
			}
		}
		if seen < 12 {
			t.Errorf("%s: %d pods are left alone", component, seen)
		}
	}
}

func TestWhyWorkloads(t *testing.T) {
	w := startWarner(t, "policy-native-why", map[string]map[string]string{
		"opted": {"kubernetes.io/metadata.name": "opted", "podview.dev/inject": "enabled"}, "plain": {"kubernetes.io/metadata.name": "plain"},
	})
	kata := "kata"
	template := func(labels map[string]string) corev1.PodTemplateSpec {
		return corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{RuntimeClassName: &kata}}
	}
	meta := metav1.ObjectMeta{Name: "x"}
	job := batchv1.JobSpec{Template: template(nil)}
	for resource, o := range map[string]runtime.Object{
		"deployments":  &appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Template: template(nil)}},
		"statefulsets": &appsv1.StatefulSet{ObjectMeta: meta, Spec: appsv1.StatefulSetSpec{Template: template(nil)}},
		"daemonsets":   &appsv1.DaemonSet{ObjectMeta: meta, Spec: appsv1.DaemonSetSpec{Template: template(nil)}},
		"jobs":         &batchv1.Job{ObjectMeta: meta, Spec: job},
		"cronjobs":     &batchv1.CronJob{ObjectMeta: meta, Spec: batchv1.CronJobSpec{JobTemplate: batchv1.JobTemplateSpec{Spec: job}}},
	} {
		if have := w.warnings(t, o, nil, resource, "opted"); !slices.Equal(have, []string{runtimeClass}) {
			t.Errorf("%s: warnings %q", resource, have)
		}
		if have := w.warnings(t, o, o, resource, "opted"); !slices.Equal(have, []string{runtimeClass}) {
			t.Errorf("%s, update: warnings %q", resource, have)
		}
		if have := w.warnings(t, o, nil, resource, "plain"); have != nil {
			t.Errorf("%s did not ask: warnings %q", resource, have)
		}
	}
	for value, want := range map[string][]string{"enabled": {runtimeClass}, "disabled": nil} {
		d := &appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Template: template(map[string]string{"podview.dev/inject": value})}}
		namespace := map[string]string{"enabled": "plain", "disabled": "opted"}[value]
		if have := w.warnings(t, d, nil, "deployments", namespace); !slices.Equal(have, want) {
			t.Errorf("%s: warnings %q, want %q", value, have, want)
		}
	}
}

func TestWhyNamespaces(t *testing.T) {
	namespace := func(name string, labels ...string) *corev1.Namespace {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{}}}
		for _, l := range labels {
			key, value, _ := strings.Cut(l, "=")
			ns.Labels[key] = value
		}
		return ns
	}
	const opted, baseline = "podview.dev/inject=enabled", "pod-security.kubernetes.io/enforce=baseline"
	const enforces, onList = "it enforces Pod Security, which refuses hostPath volumes; NRI works", "it is on the list of those that are left alone"
	for component, texts := range map[string][2]string{"policy-native-why": {enforces, onList}, "policy-native-label-why": {"", onList}} {
		w := startWarner(t, component, nil)
		for i, test := range []struct {
			namespace, old *corev1.Namespace
			want           string
		}{
			{namespace("a", opted), nil, ""},
			{namespace("a", baseline), nil, ""},
			{namespace("a", opted, baseline), nil, texts[0]},
			{namespace("a", opted, baseline), namespace("a", baseline), texts[0]},
			{namespace("a", opted, baseline), namespace("a", opted, baseline), ""}, // something else changed
			{namespace("a", baseline), namespace("a", opted, baseline), ""},        // not any more
			{namespace("argocd", opted), nil, texts[1]},
			{namespace("argocd"), nil, ""},
		} {
			var old runtime.Object
			if test.old != nil {
				old = test.old
			}
			if have := strings.Join(w.warnings(t, test.namespace, old, "namespaces", ""), "; "); have != test.want {
				t.Errorf("%s, %d: warnings %q, want %q", component, i, have, test.want)
			}
		}
	}
}
