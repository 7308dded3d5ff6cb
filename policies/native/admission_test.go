package native_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/podview/podview/policies/component"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/initializer"
	"k8s.io/apiserver/pkg/admission/plugin/policy/mutating"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/features"
	"k8s.io/apiserver/pkg/util/compatibility"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/discovery"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/openapi"
	"k8s.io/client-go/openapi/openapitest"
	sigsyaml "sigs.k8s.io/yaml"
)

// The API server's own plugin runs the generated files. A fake client gives
// it the policies and namespaces, and Kubernetes' published schemas.
type client struct{ *fake.Clientset }

func (c client) Discovery() discovery.DiscoveryInterface { return schemas{c.Clientset.Discovery()} }

type schemas struct{ discovery.DiscoveryInterface }

func (schemas) OpenAPIV3() openapi.Client { return openapitest.NewEmbeddedFileClient() }

// apiServer is the plugin, ready to admit.
type apiServer struct {
	plugin  *mutating.Plugin
	objects admission.ObjectInterfaces
}

func start(t *testing.T, policies []runtime.Object, namespaces map[string]map[string]string) apiServer {
	t.Helper()
	plugin, err := mutating.NewPlugin(nil)
	if err != nil {
		t.Fatal(err)
	}
	if !utilfeature.DefaultFeatureGate.Enabled(features.MutatingAdmissionPolicy) {
		t.Fatal("MutatingAdmissionPolicy is off by default")
	}
	initialize(t, plugin, policies, namespaces)
	s := apiServer{plugin, admission.NewObjectInterfacesFromScheme(scheme.Scheme)}
	s.waitForSchema(t)
	return s
}

// initialize gives a plugin the policies and namespaces of a server.
func initialize(t *testing.T, plugin interface {
	admission.Interface
	admission.InitializationValidator
}, policies []runtime.Object, namespaces map[string]map[string]string) {
	t.Helper()
	objects := policies
	for name, labels := range namespaces {
		objects = append(objects, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}})
	}
	kube := client{fake.NewClientset(objects...)}
	factory := informers.NewSharedInformerFactory(kube, 0)
	initializer.New(kube, dynamicfake.NewSimpleDynamicClient(scheme.Scheme), factory,
		authorizerfactory.NewAlwaysAllowAuthorizer(), utilfeature.DefaultFeatureGate,
		compatibility.DefaultBuildEffectiveVersion(), t.Context().Done(),
		meta.NewDefaultRESTMapper(nil)).Initialize(plugin)
	if err := plugin.ValidateInitialization(); err != nil {
		t.Fatal(err)
	}
	factory.Start(t.Context().Done())
	factory.WaitForCacheSync(t.Context().Done())
}

// waitForSchema: the plugin fetches the schemas in the background and has an
// error for each request until then.
func (s apiServer) waitForSchema(t *testing.T) {
	t.Helper()
	probe := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "probe", Namespace: "opted"},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app"}}}}
	var err error
	for range 600 {
		if _, err = s.create(t.Context(), probe.DeepCopy()); err == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal(err)
}

func (s apiServer) create(ctx context.Context, pod *corev1.Pod) (*corev1.Pod, error) {
	return pod, s.plugin.Admit(ctx, admission.NewAttributesRecord(pod, nil, corev1.SchemeGroupVersion.WithKind("Pod"),
		pod.Namespace, pod.Name, corev1.SchemeGroupVersion.WithResource("pods"), "",
		admission.Create, &metav1.CreateOptions{}, false, nil), s.objects)
}

func (s apiServer) updateEphemeral(ctx context.Context, pod, old *corev1.Pod) (*corev1.Pod, error) {
	return pod, s.plugin.Admit(ctx, admission.NewAttributesRecord(pod, old, corev1.SchemeGroupVersion.WithKind("Pod"),
		pod.Namespace, pod.Name, corev1.SchemeGroupVersion.WithResource("pods"), "ephemeralcontainers",
		admission.Update, &metav1.UpdateOptions{}, false, nil), s.objects)
}

// policies reads the generated component. Errors are not ignored here: a
// policy that fails would else look like one that leaves the pod alone.
func policies(t *testing.T, name string) []runtime.Object {
	t.Helper()
	return documentsOf(t, filepath.Join(name, "inject.yaml"))
}

func documentsOf(t *testing.T, name string) []runtime.Object {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("../..", component.Dir, name))
	if err != nil {
		t.Fatal(err)
	}
	var objects []runtime.Object
	reader := yaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(content)))
	buffer := make([]byte, len(content))
	for {
		n, err := reader.Read(buffer)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, strict(t, buffer[:n]))
	}
}

func strict(t *testing.T, document []byte) runtime.Object {
	t.Helper()
	kinds := map[string]runtime.Object{
		"MutatingAdmissionPolicy": &admissionv1.MutatingAdmissionPolicy{}, "MutatingAdmissionPolicyBinding": &admissionv1.MutatingAdmissionPolicyBinding{},
		"ValidatingAdmissionPolicy": &admissionv1.ValidatingAdmissionPolicy{}, "ValidatingAdmissionPolicyBinding": &admissionv1.ValidatingAdmissionPolicyBinding{},
	}
	var kind metav1.TypeMeta
	if err := sigsyaml.Unmarshal(document, &kind); err != nil {
		t.Fatal(err)
	}
	o := kinds[kind.Kind]
	if err := sigsyaml.UnmarshalStrict(document, o); err != nil {
		t.Fatal(err)
	}
	fail := admissionv1.Fail
	switch policy := o.(type) {
	case *admissionv1.MutatingAdmissionPolicy:
		policy.Spec.FailurePolicy = &fail
	case *admissionv1.ValidatingAdmissionPolicy:
		policy.Spec.FailurePolicy = &fail
	}
	return o
}

func pod(t *testing.T, o *unstructured.Unstructured) *corev1.Pod {
	t.Helper()
	pod := &corev1.Pod{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(o.Object, pod, true); err != nil {
		t.Fatal(err)
	}
	pod.TypeMeta = metav1.TypeMeta{} // the plugin's decoder drops it
	return pod
}
