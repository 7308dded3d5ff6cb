package cluster

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"embed"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"text/template"
)

//go:embed templates
var templates embed.FS

// files writes the configurations.
func (n *node) files() error {
	if err := n.accountKeys(); err != nil {
		return err
	}
	// containerd 2 has other names for everything.
	containerd := "containerd-2.toml"
	if n.Runtime.Major < 2 {
		containerd = "containerd-1.toml"
	}
	for _, f := range []struct{ template, path string }{
		{"tokens.csv", n.credentials("tokens.csv")},
		{"kubeconfig.yaml", n.Kubeconfig()},
		{"kubelet.yaml", "/run/kubelet.yaml"},
		{"cni.json", "/run/cni/podview.conflist"},
		{containerd, "/run/containerd.toml"},
	} {
		text, err := n.fill(f.template)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(f.path, text, 0o600); err != nil {
			return err
		}
	}
	return os.Mkdir("/run/static-pods", 0o755)
}

func (n *node) fill(name string) ([]byte, error) {
	t, err := template.ParseFS(templates, "templates/"+name)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	err = t.Option("missingkey=error").Execute(&text, map[string]any{
		"Node": n.Config, "Token": Token, "NodeIP": NodeIP, "CgroupRoot": "/" + cgroupRoot(n.Dir), "PauseImage": pauseImage,
		"Bridge": Bridge, "PodNetwork": podNetwork, "FirstPodIP": firstPodIP, "LastPodIP": lastPodIP,
	})
	return text.Bytes(), err
}

// accountKeys stay when the node reboots: the tokens in running pods are signed
// with them.
func (n *node) accountKeys() error {
	if _, err := os.Stat(n.credentials("accounts.key")); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return err
	}
	return errors.Join(
		writePEM(n.credentials("accounts.pub"), "PUBLIC KEY", public),
		writePEM(n.credentials("accounts.key"), "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)))
}

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}
