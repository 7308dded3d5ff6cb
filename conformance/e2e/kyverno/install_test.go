package kyverno

import (
	"slices"
	"strings"
	"testing"
)

const manifest = `---
apiVersion: v1
kind: Namespace
metadata: {name: kyverno}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: admission, namespace: kyverno}
spec:
  template:
    spec:
      serviceAccountName: account
      containers:
      - args: [--webhookServerPort=9443, --v=2]
        env:
        - {name: INIT_CONFIG, value: kyverno}
        - {name: KYVERNO_NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
        - {name: KYVERNO_POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: account, namespace: kyverno}
`

func TestParseInstall(t *testing.T) {
	parsed, err := parseInstall([]byte(manifest))
	if err != nil {
		t.Fatal(err)
	}
	left := string(parsed.manifest)
	if strings.Contains(left, "Deployment") || !strings.Contains(left, "kind: Namespace") || !strings.Contains(left, "kind: ServiceAccount") {
		t.Errorf("applied:\n%s", left)
	}
	c := parsed.controllers["admission"]
	if c.serviceAccount != "account" || c.flag("webhookServerPort") != "9443" || c.flag("webhookServer") != "" {
		t.Errorf("controller: %+v", c)
	}
	want := []string{"INIT_CONFIG=kyverno", "KYVERNO_NAMESPACE=kyverno", "KYVERNO_POD_NAME=admission-process"}
	if !slices.Equal(c.env, want) {
		t.Errorf("env: %q, want %q", c.env, want)
	}
}

// What cannot be turned into a process is an error, not left out.
func TestParseInstallRefuses(t *testing.T) {
	for name, edit := range map[string][2]string{
		"unknown field":      {"metadata.name}}", "status.podIP}}"},
		"two containers":     {"containers:\n", "containers:\n      - args: []\n"},
		"no service account": {"serviceAccountName: account", ""},
	} {
		text := strings.Replace(manifest, edit[0], edit[1], 1)
		if text == manifest {
			t.Fatalf("%s: nothing to edit", name)
		}
		if _, err := parseInstall([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestWithToken(t *testing.T) {
	const admin = "clusters: [{name: c, cluster: {server: https://x}}]\nusers: [{name: admin, user: {token: old, client-key-data: k}}]\n"
	text, err := withToken(admin, "new")
	if err != nil || strings.Contains(text, "old") || strings.Contains(text, "client-key") ||
		!strings.Contains(text, "token: new") || !strings.Contains(text, "https://x") {
		t.Errorf("%v:\n%s", err, text)
	}
	if _, err := withToken("users: []", "new"); err == nil {
		t.Error("a kubeconfig without a user was accepted")
	}
}
