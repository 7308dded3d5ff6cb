package render

import (
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/podview/podview/daemon/paths"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// wrapped is the parts of docs/boot's files that have the tmpfiles.d lines.
type wrapped struct {
	Storage struct { // Butane
		Files []struct {
			Path     string
			Contents struct{ Inline string }
		}
	}
	WriteFiles []struct{ Path, Content string } `json:"write_files"` // cloud-init
	Runcmd     [][]string
	Kind       string
	Spec       struct { // MachineConfig
		Config struct {
			Storage struct {
				Files []struct {
					Path     string
					Mode     int
					Contents struct{ Source string }
				}
			}
		}
	}
	Machine struct { // Talos
		Pods []corev1.Pod
	}
}

func unwrap(t *testing.T, name string) (w wrapped) {
	t.Helper()
	if err := yaml.Unmarshal(read(t, "docs/boot/"+name), &w); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return w
}

// Whatever a node is set up with writes the same file.
func TestBootFiles(t *testing.T) {
	const at = "/etc/tmpfiles.d/podview.conf"
	want := string(read(t, "docs/boot/podview.conf"))
	if w := unwrap(t, "podview.bu").Storage.Files; len(w) != 1 || w[0].Path != at || w[0].Contents.Inline != want {
		t.Errorf("Butane: %+v", w)
	}
	w := unwrap(t, "cloud-init.yaml")
	if f := w.WriteFiles; len(f) != 1 || f[0].Path != at || f[0].Content != want {
		t.Errorf("cloud-init: %+v", f)
	}
	if c := w.Runcmd; len(c) != 1 || strings.Join(c[0], " ") != "systemd-tmpfiles --create "+at {
		t.Errorf("cloud-init runs %q", c)
	}
	if !strings.HasPrefix(string(read(t, "docs/boot/cloud-init.yaml")), "#cloud-config\n") {
		t.Error("cloud-init: not its first line")
	}
	machine := unwrap(t, "machineconfig.yaml")
	if f := machine.Spec.Config.Storage.Files; machine.Kind != "MachineConfig" || len(f) != 1 || f[0].Path != at || f[0].Mode != 0o644 {
		t.Errorf("MachineConfig: %+v", machine)
	} else {
		encoded, _ := strings.CutPrefix(f[0].Contents.Source, "data:text/plain;charset=utf-8;base64,")
		if text, err := base64.StdEncoding.DecodeString(encoded); err != nil || string(text) != want {
			t.Errorf("MachineConfig: %q, %v", text, err)
		}
	}
	pods := unwrap(t, "talos.yaml").Machine.Pods
	if len(pods) != 1 {
		t.Fatalf("Talos: %d pods", len(pods))
	}
	// A static pod is no object of the API; it must be one that kubelet takes.
	pod := pods[0].Spec
	mount, volume := pod.Containers[0].VolumeMounts[0], pod.Volumes[0]
	if pod.Containers[0].Args[0] != "links" || mount.Name != volume.Name || mount.MountPath != volume.HostPath.Path {
		t.Errorf("Talos: %+v", pod)
	}
}

// systemd-tmpfiles makes of them what podview makes.
func TestTmpfilesMakesTheLinks(t *testing.T) {
	tmpfiles, err := exec.LookPath("systemd-tmpfiles")
	if err != nil || os.Geteuid() != 0 {
		t.Skipf("needs root and systemd-tmpfiles: %v", err)
	}
	root := t.TempDir()
	conf, err := filepath.Abs("../../docs/boot/podview.conf")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // at each boot
		if out, err := exec.Command(tmpfiles, "--create", "--root="+root, conf).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	view := filepath.Join(root, "var/lib/podview/view")
	for _, p := range paths.All {
		target, err := os.Readlink(view + p.Path)
		if !p.Rare && (err != nil || target != p.Path) {
			t.Errorf("%s leads to %q (%v)", p.Path, target, err)
		}
	}
	podview := os.Getenv("PODVIEW")
	if podview == "" {
		t.Skip("PODVIEW is not set")
	}
	links := func(dir string) string {
		out, err := exec.Command(podview, "links", "--mount", dir).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		list, err := exec.Command("find", dir, "-printf", "%P %l\n").Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(list)
	}
	// Rare paths aside, which podview links where the kernel has them.
	other := filepath.Join(t.TempDir(), "view")
	if got, want := strings.Count(links(view), "\n"), strings.Count(links(other), "\n"); got != want {
		t.Errorf("%d names with tmpfiles.d's before, %d without", got, want)
	}
}
