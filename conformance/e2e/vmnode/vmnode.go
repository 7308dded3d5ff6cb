// Package vmnode runs the test cluster's second node, which has cgroup v2 only:
// containerd and kubelet in the virtual machine of conformance/vm, connected to
// the first node's bridge by a tap device. The CPUs are emulated, so it needs no
// KVM and is ten times slower or more than the first node.
//
// Its /var is a disk; all else is memory, and new after a reboot.
package vmnode

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/podview/podview/conformance/e2e/kubectl"
	"github.com/podview/podview/conformance/e2e/process"
)

const (
	// Name is the node's.
	Name = "v2"

	tap       = "v2"
	memoryMiB = 3072
	diskSize  = "8G"
	mke2fs    = "/sbin/mke2fs" // which is not in everybody's PATH
	// bootSeconds is what a busy machine may need until the node is ready.
	bootSeconds = 480
	// lifetimeSeconds ends a machine that nobody stops.
	lifetimeSeconds = 24 * 3600
)

// modules are the kernel's, beside those that conformance/vm always loads.
var modules = []string{"overlay", "bridge", "veth"}

// Config says what the node is made of and where it belongs.
type Config struct {
	Checkout string         // has conformance/vm and bin/podview
	Kubectl  kubectl.Client // of a cluster administrator; its kubeconfig becomes the kubelet's
	Init     int            // pid of the init of the first node's namespaces
	Bin      string         // has kubelet, containerd, its shim, ctr, runc and CNI plugins
	Dir      string         // for the guest's files
	Log      string         // the file for the console's output: of the kernel, containerd and kubelet
	Images   []string       // archives of OCI image layouts
	Pause    string         // the image that pods' sandboxes run, one of Images
	Network  Network
}

// Network is the first node's, of which the second has a part.
type Network struct {
	Bridge                string // the first node's
	Subnet                string // of the bridge, a /24
	Gateway               string // the first node's address
	IP                    string // the second node's
	FirstPodIP, LastPodIP string // of the second node's pods
}

// Node is a virtual machine that runs.
type Node struct {
	config Config
	qemu   *process.Process
}

// Check is nil where a virtual machine can run; else it says what is missing.
// It downloads the kernel, which needs the machine's own network.
func Check(ctx context.Context, checkout string) error {
	if _, err := exec.LookPath(mke2fs); err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, filepath.Join(checkout, "conformance/vm/run.sh"), "--check").CombinedOutput()
	if err != nil {
		return errors.New(strings.TrimSpace(string(out)))
	}
	return nil
}

// Start returns when the API server knows the node as ready.
func Start(ctx context.Context, c Config) (*Node, error) {
	if err := Check(ctx, c.Checkout); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(c.root()); err != nil {
		return nil, err
	}
	kubeconfig, err := c.Kubectl.Do(ctx, "config", "view", "--raw", "--minify", "--flatten")
	if err != nil {
		return nil, err
	}
	if err := writeRoot(c.root(), c, kubeconfig); err != nil {
		return nil, fmt.Errorf("the guest's files: %w", err)
	}
	if err := c.makeDisk(ctx); err != nil {
		return nil, err
	}
	if err := c.connect(ctx); err != nil {
		return nil, err
	}
	n := &Node{config: c}
	return n, n.boot(ctx, "")
}

// boot returns when the node is ready and its boot id is not that of before.
func (n *Node) boot(ctx context.Context, before string) (err error) {
	// In the network of the first node and its pid namespace, to die with it,
	// but with this machine's files, of which the guest gets copies.
	args := append([]string{"--target", strconv.Itoa(n.config.Init), "--net", "--pid", "--"}, n.config.arguments()...)
	run := exec.Command("nsenter", args...)
	run.Env = append(os.Environ(), "VM_DIR="+n.config.Dir)
	n.qemu, err = process.Start("qemu", run, n.config.Log)
	if err != nil {
		return err
	}
	if err := n.waitReady(ctx, before); err != nil {
		n.Stop()
		return fmt.Errorf("node %s, see %s: %w", Name, n.config.Log, err)
	}
	return nil
}

// Reboot switches the machine off and on.
func (n *Node) Reboot(ctx context.Context) error {
	before, err := n.bootID(ctx)
	if err != nil {
		return err
	}
	n.Stop()
	return n.boot(ctx, before)
}

func (n *Node) bootID(ctx context.Context) (string, error) {
	return n.config.Kubectl.Do(ctx, "get", "node/"+Name, "-o", "jsonpath={.status.nodeInfo.bootID}")
}

// Stop switches the machine off. The API server keeps the node.
func (n *Node) Stop() { n.qemu.Stop(10 * time.Second) }

// connect makes the tap device. qemu finds it by its name, in the namespace of
// the first node, and it disappears with that.
func (c Config) connect(ctx context.Context) error {
	if c.Kubectl(ctx, "ip", "link", "show", tap).Run() == nil {
		return nil // from an earlier start
	}
	for _, args := range [][]string{
		{"tuntap", "add", tap, "mode", "tap"},
		{"link", "set", tap, "master", c.Network.Bridge, "up"},
	} {
		if out, err := c.Kubectl(ctx, "ip", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)
		}
	}
	return nil
}

// disk is the file of the guest's disk.
func (c Config) disk() string { return filepath.Join(c.Dir, "disk") }

// makeDisk makes a sparse file with ext4, which can be idmapped for pods with
// users of their own; tmpfs cannot before Linux 6.3.
func (c Config) makeDisk(ctx context.Context) error {
	if err := os.RemoveAll(c.disk()); err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, mke2fs, "-q", "-t", "ext4", c.disk(), diskSize).CombinedOutput(); err != nil {
		return fmt.Errorf("mke2fs: %w: %s", err, out)
	}
	return nil
}

// root is the directory of the guest's files.
func (c Config) root() string { return filepath.Join(c.Dir, "root") }

// arguments are conformance/vm/run.sh and its own.
func (c Config) arguments() []string {
	args := []string{filepath.Join(c.Checkout, "conformance/vm/run.sh"), "--parallel", "--mem", strconv.Itoa(memoryMiB), "--timeout", strconv.Itoa(lifetimeSeconds), "--tap", tap, "--disk", c.disk(), "--add", c.root()}
	for _, module := range modules {
		args = append(args, "--module", module)
	}
	return append(args, "--", "env", "NODE_IP="+c.Network.IP, "GATEWAY="+c.Network.Gateway, "bash", "/node.sh")
}

func (n *Node) waitReady(ctx context.Context, before string) error {
	ctx, cancel := context.WithTimeout(ctx, bootSeconds*time.Second)
	defer cancel()
	return kubectl.Until(ctx, func() error {
		if err := n.qemu.Err(); err != nil {
			return err
		}
		if now, err := n.bootID(ctx); err != nil || now == before {
			return fmt.Errorf("its boot id is %q, before %q; %v", now, before, err)
		}
		_, err := n.config.Kubectl.Do(ctx, "wait", "--for=condition=Ready", "node/"+Name, "--timeout=5s")
		return err
	})
}
