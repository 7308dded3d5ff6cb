// Package kyverno runs Kyverno's admission and reports controllers as
// processes beside the test cluster's API server.
//
// What they may do and how they are configured is what Kyverno's own manifest
// says: it is applied without its Deployments, and each Deployment's container
// is started here with its arguments, its environment and a token of its
// ServiceAccount. Differences: the API server calls the webhooks by address,
// since the cluster has no kube-proxy, and metrics are off.
package kyverno

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/podview/podview/conformance/e2e/kubectl"
	"github.com/podview/podview/conformance/e2e/process"
)

const (
	namespace = "kyverno"
	admission = "kyverno-admission-controller"
	reports   = "kyverno-reports-controller"
	grace     = 10 * time.Second
)

// Config says where Kyverno runs.
type Config struct {
	Kubectl kubectl.Client // of a cluster administrator
	Bin     string         // has kyverno, reports-controller and Kyverno's manifest kyverno.yaml
	Dir     string         // for the logs and credentials
	IP      string         // of the sandbox, where the API server reaches the webhooks
}

// Kyverno is an installation whose controllers run until they are stopped.
type Kyverno struct {
	config  Config
	install install
	// Nil while stopped.
	admission, reports *process.Process
}

// Install applies the manifest and waits until it is in force. It starts
// nothing.
func Install(ctx context.Context, c Config) (*Kyverno, error) {
	text, err := os.ReadFile(filepath.Join(c.Bin, "kyverno.yaml"))
	if err != nil {
		return nil, err
	}
	parsed, err := parseInstall(text)
	if err != nil {
		return nil, fmt.Errorf("kyverno.yaml: %w", err)
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, err
	}
	if _, err := c.Kubectl.Input(ctx, parsed.manifest, "apply", "--server-side", "-f", "-"); err != nil {
		return nil, err
	}
	if err := c.Kubectl.Established(ctx); err != nil {
		return nil, err
	}
	k := &Kyverno{config: c, install: parsed}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return k, kubectl.Until(ctx, func() error { return k.allowed(ctx) })
}

// allowed: the rights come from roles that the controller-manager adds up. In
// a cluster a controller that comes too early is started again.
func (k *Kyverno) allowed(ctx context.Context) error {
	for _, deployment := range []string{admission, reports} {
		as := "system:serviceaccount:" + namespace + ":" + k.install.controllers[deployment].serviceAccount
		if out, err := k.config.Kubectl.Do(ctx, "auth", "can-i", "get", "customresourcedefinitions", "--as", as); err != nil {
			return fmt.Errorf("%s: %s: %w", as, strings.TrimSpace(out), err)
		}
	}
	return nil
}

// Start returns when the API server has the webhooks and they answer.
func (k *Kyverno) Start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	port := k.install.controllers[admission].flag("webhookServerPort")
	var err error
	k.admission, err = k.run(ctx, "kyverno", admission, "--serverIP="+k.config.IP+":"+port, "--controllerRuntimeMetricsAddress=0")
	if err != nil {
		return err
	}
	if k.reports, err = k.run(ctx, "reports-controller", reports); err != nil {
		k.Stop()
		return err
	}
	if err := kubectl.Until(ctx, func() error { return k.ready(ctx) }); err != nil {
		k.Stop()
		return fmt.Errorf("kyverno is not ready, see %s: %w", k.config.Dir, err)
	}
	return nil
}

// Stop ends the controllers. Their webhooks stay registered, as when all of
// Kyverno's nodes are lost.
func (k *Kyverno) Stop() {
	for _, p := range []**process.Process{&k.admission, &k.reports} {
		if *p != nil {
			(*p).Stop(grace)
			*p = nil
		}
	}
}

// WaitForPolicy returns when Kyverno enforces a policy of any of its kinds,
// "clusterpolicy/podview-inject" for example.
func (k *Kyverno) WaitForPolicy(ctx context.Context, policy string) error {
	const ready = `{.status.conditions[?(@.type=="Ready")].status}{.status.conditionStatus.ready}`
	return kubectl.Until(ctx, func() error {
		out, err := k.config.Kubectl.Do(ctx, "get", policy, "-o", "jsonpath="+ready)
		if err == nil && !strings.EqualFold(out, "true") {
			err = fmt.Errorf("%s is not ready: %q", policy, out)
		}
		return err
	})
}

// run starts a program with what its Deployment says, then these arguments,
// of which the last of a name counts.
func (k *Kyverno) run(ctx context.Context, program, deployment string, args ...string) (*process.Process, error) {
	c, found := k.install.controllers[deployment]
	if !found {
		return nil, fmt.Errorf("kyverno.yaml has no deployment %s", deployment)
	}
	kubeconfig, err := k.kubeconfig(ctx, c.serviceAccount)
	if err != nil {
		return nil, err
	}
	args = append(append(c.args[:len(c.args):len(c.args)], "--kubeconfig="+kubeconfig, "--disableMetrics=true", "--otelConfig=none"), args...)
	// A process outlives the context of its start.
	argv := append(append(c.env[:len(c.env):len(c.env)], filepath.Join(k.config.Bin, program)), args...)
	cmd := k.config.Kubectl(context.Background(), "env", argv...)
	return process.Start(program, cmd, filepath.Join(k.config.Dir, deployment+".log"))
}

// kubeconfig writes the administrator's with a token of the service account.
func (k *Kyverno) kubeconfig(ctx context.Context, serviceAccount string) (string, error) {
	token, err := k.config.Kubectl.Do(ctx, "-n", namespace, "create", "token", serviceAccount, "--duration=24h")
	if err != nil {
		return "", err
	}
	text, err := k.config.Kubectl.Do(ctx, "config", "view", "--raw", "--minify", "--flatten")
	if err != nil {
		return "", err
	}
	if text, err = withToken(text, strings.TrimSpace(token)); err != nil {
		return "", err
	}
	file := filepath.Join(k.config.Dir, serviceAccount+".kubeconfig")
	return file, os.WriteFile(file, []byte(text), 0o600)
}

// withToken replaces the credentials of a kubeconfig.
func withToken(kubeconfig, token string) (string, error) {
	var config map[string]any
	if err := yaml.Unmarshal([]byte(kubeconfig), &config); err != nil {
		return "", err
	}
	users, _ := config["users"].([]any)
	if len(users) != 1 {
		return "", fmt.Errorf("kubeconfig has %d users, not 1", len(users))
	}
	user, _ := users[0].(map[string]any)
	user["user"] = map[string]any{"token": token}
	text, err := yaml.Marshal(config)
	return string(text), err
}

// ready asks the API server to check a policy, which it does by a webhook.
func (k *Kyverno) ready(ctx context.Context) error {
	if err := errors.Join(k.admission.Err(), k.reports.Err()); err != nil {
		return err
	}
	_, err := k.config.Kubectl.Do(ctx, "get", "validatingwebhookconfiguration", "kyverno-policy-validating-webhook-cfg")
	if err != nil {
		return err
	}
	// A policy that only a webhook refuses: a deny rule without a message is
	// valid by the schema.
	_, err = k.config.Kubectl.Input(ctx, []byte(probe), "create", "--dry-run=server", "-f", "-")
	if err == nil || !strings.Contains(err.Error(), "denied the request") {
		return fmt.Errorf("a wrong policy is not refused by the webhook: %v", err)
	}
	return nil
}

const probe = `
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: probe}
spec:
  rules:
  - name: unknown-variable
    match: {any: [{resources: {kinds: [Pod]}}]}
    validate: {message: "{{ nothing.defines.this }}", pattern: {metadata: {name: "?*"}}}
`
