package vmnode

import (
	"embed"
	"os"
	"path/filepath"
	"text/template"
)

//go:embed guest
var guest embed.FS

var templates = template.Must(template.ParseFS(guest, "guest/*"))

// configured are the files that the node's configuration goes into.
var configured = map[string]string{
	"containerd.toml": "etc/containerd/config.toml",
	"cni.conflist":    "etc/cni/net.d/10-bridge.conflist",
	"kubelet.yaml":    "etc/kubernetes/kubelet.yaml",
	"node.sh":         "node.sh",
}

// programs of Config.Bin, and the directory that each belongs to.
var programs = map[string][]string{
	"usr/bin":     {"kubelet", "containerd", "containerd-shim-runc-v2", "ctr", "runc"},
	"opt/cni/bin": {"bridge", "host-local", "loopback"},
}

// writeRoot makes the directory of what the guest has beside the programs of
// conformance/vm. Large files are links.
func writeRoot(root string, c Config, kubeconfig string) error {
	for name, file := range configured {
		if err := render(name, filepath.Join(root, file), c); err != nil {
			return err
		}
	}
	for file, content := range map[string]string{
		"etc/kubernetes/kubeconfig": kubeconfig,
		"etc/hostname":              Name + "\n",
		"etc/hosts":                 "127.0.0.1 localhost\n", // containerd copies it into pods
		"etc/os-release":            "NAME=podview-e2e\n",    // kubelet reports it
		"etc/resolv.conf":           "",                      // and this
	} {
		if err := write(filepath.Join(root, file), content); err != nil {
			return err
		}
	}
	links := map[string]string{}
	for dir, names := range programs {
		for _, name := range names {
			links[filepath.Join(dir, name)] = filepath.Join(c.Bin, name)
		}
	}
	for _, image := range c.Images {
		links[filepath.Join("images", filepath.Base(image))] = image
	}
	for file, target := range links {
		if err := link(filepath.Join(root, file), target); err != nil {
			return err
		}
	}
	return nil
}

func render(name, file string, c Config) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	return templates.ExecuteTemplate(f, name, c)
}

func write(file, content string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(content), 0o600)
}

// link fails when there is no target: the guest would only tell it much later.
func link(file, target string) error {
	target, err := filepath.Abs(target)
	if err != nil {
		return err
	}
	if _, err := os.Stat(target); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.Symlink(target, file)
}
