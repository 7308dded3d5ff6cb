package cluster

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

func (n *node) credentials(name string) string { return filepath.Join(n.Dir, "credentials", name) }

// controlPlane starts what a control plane node has. Nothing is written for
// good, so etcd does not fsync.
func (n *node) controlPlane() error {
	err := n.children.serve("etcd", "--data-dir="+filepath.Join(n.Dir, "etcd"), "--unsafe-no-fsync",
		"--listen-client-urls=http://127.0.0.1:2379", "--advertise-client-urls=http://127.0.0.1:2379",
		"--listen-peer-urls=http://127.0.0.1:2380")
	if err != nil {
		return err
	}
	err = n.children.serve("kube-apiserver", "--etcd-servers=http://127.0.0.1:2379",
		"--cert-dir="+n.credentials(""), "--bind-address=0.0.0.0", "--secure-port=443", "--advertise-address="+NodeIP,
		"--service-cluster-ip-range="+serviceNetwork, "--allow-privileged",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file="+n.credentials("accounts.pub"),
		"--service-account-signing-key-file="+n.credentials("accounts.key"),
		"--token-auth-file="+n.credentials("tokens.csv"), "--authorization-mode=Node,RBAC",
		"--kubelet-preferred-address-types=InternalIP")
	if err != nil {
		return err
	}
	if err := until(2*time.Minute, apiServerReady); err != nil {
		return fmt.Errorf("kube-apiserver: %w", err)
	}
	client := "--kubeconfig=" + n.Kubeconfig()
	err = n.children.serve("kube-controller-manager", client, "--bind-address=127.0.0.1", "--leader-elect=false",
		"--service-account-private-key-file="+n.credentials("accounts.key"),
		"--root-ca-file="+n.credentials("apiserver.crt"), "--flex-volume-plugin-dir=/run/flexvolume")
	if err != nil {
		return err
	}
	return n.children.serve("kube-scheduler", client, "--bind-address=127.0.0.1", "--leader-elect=false")
}

func apiServerReady() error {
	insecure := http.Client{Timeout: 5 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	answer, err := insecure.Get("https://127.0.0.1:443/readyz")
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if text, _ := io.ReadAll(answer.Body); string(text) != "ok" {
		return fmt.Errorf("readyz says %q", text)
	}
	return nil
}

// containerd starts it and gives it the images, since there is no registry.
func (n *node) containerd() error {
	if err := n.children.keep("containerd", "--config=/run/containerd.toml"); err != nil {
		return err
	}
	err := until(time.Minute, func() error {
		if _, err := os.Stat("/run/containerd/containerd.sock"); err != nil {
			return err
		}
		return n.children.run("ctr", "version")
	})
	if err != nil {
		return err
	}
	for _, image := range n.Images {
		if err := n.children.run("ctr", "--namespace=k8s.io", "images", "import", image); err != nil {
			return err
		}
	}
	return nil
}

func (n *node) kubelet() error {
	return n.children.serve("kubelet", "--config=/run/kubelet.yaml", "--kubeconfig="+n.Kubeconfig(),
		"--hostname-override="+NodeName, "--node-ip="+NodeIP, "--v=2")
}
