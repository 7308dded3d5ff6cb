// Package e2e is podview on a real cluster: the manifests as users apply them,
// and pods that say what they see. `make e2e` runs it, docs/testing.md tells
// more.
package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/podview/podview/conformance/e2e/cluster"
	"github.com/podview/podview/conformance/e2e/image"
)

var (
	// running is the cluster that all tests share.
	running *cluster.Cluster
	// nodes are those that E2E asks for.
	nodes []node
	// overlay is the directory that podview comes from.
	overlay = "../../overlays/native-admission"
)

func TestMain(m *testing.M) {
	cluster.Node()
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	bin, dir := os.Getenv("E2E_BIN"), os.Getenv("E2E_DIR")
	if bin == "" || dir == "" {
		// The tests that need no cluster.
		return m.Run()
	}
	start := time.Now()
	stopped := removeOnSignal(dir)
	err := up(bin, dir)
	code := 1
	if err != nil {
		fmt.Println("FAIL: the cluster:", err)
	} else {
		fmt.Printf("cluster and podview are up after %.1f s\n", time.Since(start).Seconds())
		code = m.Run()
	}
	signal.Stop(stopped)
	if code != 0 {
		fmt.Println("logs:", collect())
	}
	if running != nil {
		err = running.Down()
	}
	if left := cluster.Leftovers(dir, bin); err != nil || len(left) > 0 {
		fmt.Printf("FAIL: left behind: %v %s\n", err, strings.Join(left, "\n"))
		code = 1
	}
	fmt.Printf("\n%s%.0f s in all\n", &results, time.Since(start).Seconds())
	return code
}

// removeOnSignal: nothing stays when somebody is tired of waiting.
func removeOnSignal(dir string) chan os.Signal {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-signals
		cluster.Remove(dir)
		os.Exit(130)
	}()
	return signals
}

// up starts the cluster, and podview in it from the overlay.
func up(bin, dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	work, err := os.MkdirTemp("", "podview-e2e-images-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	images, err := image.Write(work)
	if err != nil {
		return err
	}
	running, err = cluster.Start(ctx, cluster.Config{Dir: dir, Bin: bin, Images: append(images, os.Getenv("PODVIEW_IMAGE"))})
	if err != nil {
		return err
	}
	nodes = []node{{cluster.NodeName, cluster.NodeName}}
	return errors.Join(install(ctx), startTools(ctx))
}

// install is what docs/install.md tells users to do.
func install(ctx context.Context) error {
	path, err := filepath.Abs(overlay)
	if err != nil {
		return err
	}
	if _, err := running.Kubectl(ctx, "apply", "--server-side", "-k", path); err != nil {
		return err
	}
	_, err = running.Kubectl(ctx, "-n", "podview-system", "rollout", "status", "daemonset", "--timeout=60s")
	if err != nil {
		return err
	}
	return poll(time.Minute, policyWorks)
}

// policyWorks asks for a pod in an opted-in namespace without making it.
func policyWorks() error {
	const probe = `
apiVersion: v1
kind: Pod
metadata: {name: probe, namespace: default, labels: {podview.dev/inject: enabled}}
spec: {containers: [{name: main, image: none}]}`
	out, err := try(10*time.Second, probe, "create", "--dry-run=server", "-o", "yaml", "-f", "-")
	if err == nil && !strings.Contains(out, "podview-meminfo") {
		err = fmt.Errorf("the policy does not inject yet:\n%s", out)
	}
	return err
}
