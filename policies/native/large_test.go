package native_test

import (
	"fmt"
	"testing"

	"github.com/podview/podview/policies/fixture"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestLargePod: CEL has a cost budget. A pod above it would be left alone
// without a word, since failures are ignored.
func TestLargePod(t *testing.T) {
	const containers, mounts = 100, 30
	s, err := fixture.Load("..", "podview-inject")
	if err != nil {
		t.Fatal(err)
	}
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "large", Namespace: "opted"}}
	for i := range containers {
		c := corev1.Container{Name: fmt.Sprint("c", i)}
		for j := range mounts {
			c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: "data", MountPath: fmt.Sprintf("/var/run/secrets/of/a/long/path/%d", j)})
		}
		p.Spec.Containers = append(p.Spec.Containers, c)
	}
	admitted, err := start(t, policies(t, "policy-native"), s.Namespaces).create(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(admitted.Spec.Containers[containers-1].VolumeMounts); n <= mounts {
		t.Errorf("the last container has %d mounts", n)
	}
}
