// Package cluster runs a Kubernetes of real components on this machine without
// touching it: etcd, the API server, controllers, scheduler, containerd and
// kubelet live in mount, network and pid namespaces of their own, pods included,
// and all of it dies with one process, the namespace's init.
//
// The program that starts it is started again as that init, so it must call
// [Node] first thing in main.
package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	// NodeName is this machine as a node. It has cgroup v1, or both.
	NodeName = "v1"
	// Bridge connects the node, the pods, and a second node's tap device.
	Bridge = "cni0"
	// NodeIP is the node's, and the API server's at port 443.
	NodeIP = "10.123.0.1"
	// Token is of the group system:masters.
	Token = "admin-token"
	// ViewMount is where the node has podview's mount.
	ViewMount = "/var/lib/podview/view"

	podNetwork     = "10.123.0.0/24"
	firstPodIP     = "10.123.0.10"
	lastPodIP      = "10.123.0.119" // those above are a second node's
	serviceNetwork = "10.96.0.0/16"
	// apiServiceIP is kubernetes.default's. It is an address of the node, so
	// that no kube-proxy is needed.
	apiServiceIP = "10.96.0.1"
	pauseImage   = "registry.k8s.io/pause:e2e"
)

// Config says what to start. The zero Runtime is the one in Bin.
type Config struct {
	Dir     string   // for everything that the cluster writes; removed by Down
	Bin     string   // what binaries/build.sh printed
	Images  []string // archives of OCI image layouts
	Runtime Runtime
	// Keep leaves the cluster running when the program that started it ends.
	Keep bool
}

// Runtime is a container runtime: containerd and its shim from one directory,
// and the program that it makes containers with.
type Runtime struct {
	Containerd string // directory
	Runc       string
	// Crun is the program of a second runtime handler, crun; empty for none.
	Crun  string
	Major int // containerd's version, found by Start
	// PureV1 hides the cgroup v2 mount of a hybrid machine, which crun refuses.
	PureV1 bool
}

func (c Config) filled() (Config, error) {
	var err error
	if c.Dir, err = filepath.Abs(c.Dir); err != nil {
		return c, err
	}
	if c.Runtime.Containerd == "" {
		c.Runtime.Containerd = c.Bin
	}
	if c.Runtime.Runc == "" {
		c.Runtime.Runc = filepath.Join(c.Bin, "runc")
	}
	for _, program := range []string{
		filepath.Join(c.Bin, "kubelet"), filepath.Join(c.Bin, "etcd"), filepath.Join(c.Bin, "bridge"),
		filepath.Join(c.Runtime.Containerd, "containerd"), c.Runtime.Runc,
	} {
		if _, err := os.Stat(program); err != nil {
			return c, fmt.Errorf("a program of the cluster is missing: %w", err)
		}
	}
	c.Runtime.Major, err = containerdMajor(filepath.Join(c.Runtime.Containerd, "containerd"))
	return c, err
}

func containerdMajor(program string) (int, error) {
	out, err := exec.Command(program, "--version").Output()
	if err != nil {
		return 0, fmt.Errorf("%s --version: %w", program, err)
	}
	fields := strings.Fields(string(out)) // containerd PACKAGE VERSION REVISION
	if len(fields) < 3 {
		return 0, fmt.Errorf("%s --version says %q", program, out)
	}
	major, _, _ := strings.Cut(strings.TrimPrefix(fields[2], "v"), ".")
	return strconv.Atoi(major)
}

// cgroupRoot is where kubelet puts the pods. A kubelet removes what it does not
// know below its root, so each cluster has one that is nobody else's.
func cgroupRoot(dir string) string {
	sum := sha256.Sum256([]byte(dir))
	return "podview-e2e-" + hex.EncodeToString(sum[:4])
}

// LogDir has a file per component, and the pods' logs below pods.
func (c Config) LogDir() string { return filepath.Join(c.Dir, "log") }

// Kubeconfig is for use inside the cluster's network namespace.
func (c Config) Kubeconfig() string { return filepath.Join(c.Dir, "kubeconfig") }
