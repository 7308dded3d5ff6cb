package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/podview/podview/conformance/e2e/cluster"
	"github.com/podview/podview/conformance/e2e/image"
	"github.com/podview/podview/conformance/e2e/kubectl"
	"github.com/podview/podview/conformance/e2e/kyverno"
	"github.com/podview/podview/conformance/e2e/vmnode"
)

const (
	// secondNodeIP and its pods' addresses are above those of the first.
	secondNodeIP, secondFirstPodIP, secondLastPodIP = "10.123.0.2", "10.123.0.120", "10.123.0.250"
)

// checkout is the project's directory. Programs in the cluster's namespaces have
// another working directory.
var checkout = sync.OnceValue(func() string {
	path, err := filepath.Abs("../..")
	if err != nil {
		panic(err)
	}
	return path
})

var (
	// running is the cluster that all tests share.
	running *cluster.Cluster
	// policy is nil where POLICY is native.
	policy *kyverno.Kyverno
	second *vmnode.Node
	// nodes are those that E2E asks for, the second one last.
	nodes []node
)

// up starts the nodes that E2E asks for, and podview in them. The first node
// has the control plane, so it is always there.
func up(bin, dir, work string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	want := os.Getenv("E2E")
	if !slices.Contains([]string{"v1", "v2", "all"}, want) {
		return fmt.Errorf("E2E=%s is not v1, v2 or all", want)
	}
	images, err := image.Write(work)
	if err != nil {
		return err
	}
	images = append(images, os.Getenv("PODVIEW_IMAGE"))
	if running, err = cluster.Start(ctx, cluster.Config{Dir: dir, Bin: bin, Images: images}); err != nil {
		return err
	}
	if want != "v2" {
		nodes = append(nodes, node{cluster.NodeName, cluster.NodeName})
	}
	if want != "v1" {
		if err := startSecond(ctx, want, images); err != nil {
			return err
		}
	}
	switch os.Getenv("POLICY") {
	case "kyverno":
		err = errors.Join(startKyverno(ctx), installMixed(ctx))
	case "native":
		err = install(ctx, "native-admission", "podview")
	default:
		err = fmt.Errorf("POLICY=%s is not kyverno or native", os.Getenv("POLICY"))
	}
	if err != nil {
		return err
	}
	return startTools(ctx)
}

// startSecond starts the node with cgroup v2, or says why there is none.
func startSecond(ctx context.Context, want string, images []string) (err error) {
	if err := vmnode.Check(ctx, checkout()); err != nil && want == "all" {
		results.rows = append(results.rows, row{scenario: "all on the second node", result: "skipped: " + err.Error()})
		return nil
	}
	second, err = vmnode.Start(ctx, vmnode.Config{
		Checkout: checkout(), Kubectl: running.Command, Init: running.Init, Bin: running.Bin,
		Dir: filepath.Join(running.Dir, "v2"), Log: filepath.Join(running.LogDir(), "v2.log"),
		Images: images, Pause: image.Pause,
		Network: vmnode.Network{Bridge: cluster.Bridge, Subnet: "10.123.0.0/24", Gateway: cluster.NodeIP,
			IP: secondNodeIP, FirstPodIP: secondFirstPodIP, LastPodIP: secondLastPodIP},
	})
	if err == nil {
		nodes = append(nodes, node{vmnode.Name, vmnode.Name})
	} else {
		second = nil
	}
	return err
}

func startKyverno(ctx context.Context) (err error) {
	policy, err = kyverno.Install(ctx, kyverno.Config{Kubectl: running.Command, Bin: running.Bin,
		Dir: filepath.Join(running.LogDir(), "kyverno"), IP: cluster.NodeIP})
	if err != nil {
		return err
	}
	return policy.Start(ctx)
}

// installMixed: a DaemonSet per cgroup version, and Kyverno's ClusterPolicy.
func installMixed(ctx context.Context) error {
	client := kubectl.Client(running.Command)
	if _, err := client.Do(ctx, "label", "node", cluster.NodeName, "podview.dev/cgroup=v1"); err != nil {
		return err
	}
	if err := install(ctx, "mixed", "podview-cgroup-v1", "podview-cgroup-v2"); err != nil {
		return err
	}
	return policy.WaitForPolicy(ctx, clusterPolicy.object)
}

// install is what docs/install.md tells users to do.
func install(ctx context.Context, overlay string, daemonSets ...string) error {
	client := kubectl.Client(running.Command)
	if _, err := client.Do(ctx, "apply", "--server-side", "-k", filepath.Join(checkout(), "overlays", overlay)); err != nil {
		return err
	}
	for _, name := range daemonSets {
		if _, err := client.Do(ctx, "-n", "podview-system", "rollout", "status", "daemonset/"+name, "--timeout=4m"); err != nil {
			return err
		}
	}
	return poll(time.Minute, func() error { return injects("podview-meminfo") })
}

// injects asks for a pod that opted in, without making it.
func injects(what string) error {
	const probe = `
apiVersion: v1
kind: Pod
metadata: {name: probe, namespace: default, labels: {podview.dev/inject: enabled}}
spec: {containers: [{name: main, image: none}]}`
	out, err := try(15*time.Second, probe, "create", "--dry-run=server", "-o", "yaml", "-f", "-")
	if err == nil && !strings.Contains(out, what) {
		err = fmt.Errorf("no policy injects %s yet:\n%s", what, out)
	}
	return err
}

// down leaves nothing.
func down() error {
	if second != nil {
		second.Stop()
	}
	if policy != nil {
		policy.Stop()
	}
	if running == nil {
		return nil
	}
	return running.Down()
}
