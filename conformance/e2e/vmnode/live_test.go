package vmnode

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/podview/podview/conformance/e2e/cluster"
	"github.com/podview/podview/conformance/e2e/image"
	"github.com/podview/podview/conformance/e2e/kubectl"
)

const limited = `
apiVersion: v1
kind: Pod
metadata: {name: vmnode-limited}
spec:
  nodeName: v2
  terminationGracePeriodSeconds: 0
  containers:
  - name: c
    image: ` + image.Busybox + `
    imagePullPolicy: Never
    command: [sleep, infinity]
    resources: {limits: {memory: 128Mi, cpu: 500m}}
`

// TestPod runs a pod on the second node of the cluster in E2E_CLUSTER.
func TestPod(t *testing.T) {
	dir := os.Getenv("E2E_CLUSTER")
	if dir == "" {
		t.Skip("E2E_CLUSTER names no directory of a cluster")
	}
	checkout, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	if err := Check(t.Context(), checkout); err != nil {
		t.Skip(err)
	}
	c, err := cluster.Find(dir)
	if err != nil || c == nil {
		t.Fatal("no cluster runs in ", dir, err)
	}
	images, err := image.Write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	client := kubectl.Client(c.Command)
	n, err := Start(t.Context(), Config{
		Checkout: checkout, Kubectl: client, Init: c.Init, Bin: c.Bin, Dir: filepath.Join(dir, "v2"),
		Images: images, Pause: image.Pause,
		Network: Network{Bridge: cluster.Bridge, Subnet: "10.123.0.0/24", Gateway: cluster.NodeIP,
			IP: "10.123.0.2", FirstPodIP: "10.123.0.120", LastPodIP: "10.123.0.250"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Stop()
	if _, err := client.Input(t.Context(), []byte(limited), "apply", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{
		"wait --for=condition=Ready pod/vmnode-limited --timeout=120s",
		"exec vmnode-limited -- cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max",
		"delete pod/vmnode-limited",
	} {
		out, err := client.Do(t.Context(), strings.Fields(args)...)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(args, "exec") && out != "134217728\n50000 100000\n" {
			t.Errorf("limits: %q", out)
		}
	}
}
