// Package flux runs Flux's kustomize-controller as a process beside the test
// cluster's API server.
//
// There is no source-controller: [Flux.Publish] does what it does after a git
// fetch, which is to serve the files as an archive and to say so in the
// source's status. So the fetch is not tested, all after it is.
package flux

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/podview/podview/conformance/e2e/kubectl"
	"github.com/podview/podview/conformance/e2e/process"
)

const (
	// Namespace is where Flux's objects are by convention.
	Namespace = "flux-system"

	grace = 10 * time.Second
	// The artifacts' server, and the controller's probes.
	artifactPort, metricsPort, healthPort = 9790, 9791, 9792
)

// Config says where Flux runs.
type Config struct {
	Kubectl kubectl.Client // of a cluster administrator, whose rights the controller has, as in Flux's own installation
	Bin     string         // has kustomize-controller and Flux's CRDs flux.yaml
	Dir     string         // for the logs and archives
	IP      string         // of the sandbox
}

// Flux is a controller that runs, and the server of its artifacts.
type Flux struct {
	config             Config
	server, controller *process.Process
}

// Start applies the CRDs and returns when the controller is healthy.
func Start(ctx context.Context, c Config) (*Flux, error) {
	if err := os.MkdirAll(filepath.Join(c.Dir, "artifacts"), 0o755); err != nil {
		return nil, err
	}
	namespace := `{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "` + Namespace + `"}}`
	if _, err := c.Kubectl.Input(ctx, []byte(namespace), "apply", "--server-side", "-f", "-"); err != nil {
		return nil, err
	}
	if _, err := c.Kubectl.Do(ctx, "apply", "--server-side", "-f", filepath.Join(c.Bin, "flux.yaml")); err != nil {
		return nil, err
	}
	if err := c.Kubectl.Established(ctx); err != nil {
		return nil, err
	}
	f := &Flux{config: c}
	if err := f.start(); err != nil {
		f.Stop()
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := kubectl.Until(ctx, func() error { return f.healthy(ctx) }); err != nil {
		f.Stop()
		return nil, fmt.Errorf("kustomize-controller, see %s: %w", c.Dir, err)
	}
	return f, nil
}

func (f *Flux) start() (err error) {
	c, background := f.config, context.Background()
	f.server, err = process.Start("httpd", c.Kubectl(background, "busybox", "httpd", "-f", "-v",
		"-p", address(c.IP, artifactPort), "-h", filepath.Join(c.Dir, "artifacts")), filepath.Join(c.Dir, "artifacts.log"))
	if err != nil {
		return err
	}
	f.controller, err = process.Start("kustomize-controller", c.Kubectl(background, "env", "RUNTIME_NAMESPACE="+Namespace,
		filepath.Join(c.Bin, "kustomize-controller"), "--watch-all-namespaces", "--events-addr=",
		"--metrics-addr="+address(c.IP, metricsPort), "--health-addr="+address(c.IP, healthPort)),
		filepath.Join(c.Dir, "kustomize-controller.log"))
	return err
}

// Stop ends the controller and the server.
func (f *Flux) Stop() {
	for _, p := range []*process.Process{f.controller, f.server} {
		if p != nil {
			p.Stop(grace)
		}
	}
}

// Publish makes these directories of a tree the content of a GitRepository that
// exists in Flux's namespace.
func (f *Flux) Publish(ctx context.Context, repository string, tree fs.FS, directories ...string) error {
	file := filepath.Join(f.config.Dir, "artifacts", repository+".tar.gz")
	size, sum, err := archive(file, tree, directories...)
	if err != nil {
		return err
	}
	now := time.Now().UTC().Format(time.RFC3339)
	status, err := json.Marshal(map[string]any{"status": map[string]any{
		"artifact": artifact{
			Path:           filepath.Base(file),
			URL:            "http://" + address(f.config.IP, artifactPort) + "/" + filepath.Base(file),
			Revision:       "latest@sha256:" + sum,
			Digest:         "sha256:" + sum,
			Size:           size,
			LastUpdateTime: now,
		},
		"conditions": []map[string]string{{
			"type": "Ready", "status": "True", "reason": "Succeeded",
			"message": "stored artifact", "lastTransitionTime": now,
		}},
	}})
	if err != nil {
		return err
	}
	_, err = f.config.Kubectl.Do(ctx, "-n", Namespace, "patch", "gitrepository", repository,
		"--subresource=status", "--type=merge", "--patch", string(status))
	return err
}

// WaitReady returns when a Kustomization in Flux's namespace is ready, with the
// revision that it applied.
func (f *Flux) WaitReady(ctx context.Context, kustomization string) (revision string, err error) {
	const fields = `{.status.conditions[?(@.type=="Ready")].status} {.status.lastAppliedRevision} {.status.conditions[?(@.type=="Ready")].message}`
	err = kubectl.Until(ctx, func() error {
		if err := f.controller.Err(); err != nil {
			return err
		}
		out, err := f.config.Kubectl.Do(ctx, "-n", Namespace, "get", "kustomization", kustomization, "-o", "jsonpath="+fields)
		if err != nil {
			return err
		}
		status, rest, _ := strings.Cut(out, " ")
		if status != "True" {
			return fmt.Errorf("%s is not ready: %s", kustomization, out)
		}
		revision, _, _ = strings.Cut(rest, " ")
		return nil
	})
	return revision, err
}

func (f *Flux) healthy(ctx context.Context) error {
	for _, p := range []*process.Process{f.server, f.controller} {
		if err := p.Err(); err != nil {
			return err
		}
	}
	return f.config.Kubectl(ctx, "busybox", "wget", "-q", "-O", "-", "http://"+address(f.config.IP, healthPort)+"/readyz").Run()
}

func address(ip string, port int) string { return fmt.Sprintf("%s:%d", ip, port) }
