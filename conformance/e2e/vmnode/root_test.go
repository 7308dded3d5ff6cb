package vmnode

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

func testConfig(t *testing.T) Config {
	c := Config{
		Bin: t.TempDir(), Pause: "example/pause:1",
		Network: Network{Subnet: "10.0.0.0/24", Gateway: "10.0.0.1", IP: "10.0.0.2", FirstPodIP: "10.0.0.120", LastPodIP: "10.0.0.240"},
	}
	c.Images = []string{filepath.Join(c.Bin, "pause.tar")}
	for _, names := range programs {
		for _, name := range names {
			create(t, filepath.Join(c.Bin, name))
		}
	}
	create(t, c.Images[0])
	return c
}

func create(t *testing.T, file string) {
	t.Helper()
	if err := os.WriteFile(file, nil, 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestRoot(t *testing.T) {
	root := t.TempDir()
	if err := writeRoot(root, testConfig(t), "kind: Config\n"); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		"etc/containerd/config.toml":       `sandbox = "example/pause:1"`,
		"etc/cni/net.d/10-bridge.conflist": `"rangeStart": "10.0.0.120", "rangeEnd": "10.0.0.240", "gateway": "10.0.0.1"`,
		"etc/kubernetes/kubelet.yaml":      "address: 10.0.0.2\n",
		"etc/kubernetes/kubeconfig":        "kind: Config\n",
		"etc/hostname":                     Name + "\n",
	} {
		if got := read(t, filepath.Join(root, file)); !strings.Contains(got, want) {
			t.Errorf("%s has no %q:\n%s", file, want, got)
		}
	}
	for _, file := range []string{"etc/cni/net.d/10-bridge.conflist", "etc/kubernetes/kubelet.yaml"} {
		var parsed map[string]any
		if err := yaml.UnmarshalStrict([]byte(read(t, filepath.Join(root, file))), &parsed); err != nil || len(parsed) == 0 {
			t.Errorf("%s: %v", file, err)
		}
	}
	for _, file := range []string{"usr/bin/kubelet", "opt/cni/bin/host-local", "images/pause.tar"} {
		read(t, filepath.Join(root, file))
	}
}

func TestRootWithoutProgram(t *testing.T) {
	c := testConfig(t)
	if err := os.Remove(filepath.Join(c.Bin, "runc")); err != nil {
		t.Fatal(err)
	}
	if err := writeRoot(t.TempDir(), c, ""); err == nil || !strings.Contains(err.Error(), "runc") {
		t.Errorf("without runc: %v", err)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
