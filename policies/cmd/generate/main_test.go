package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A list of one's own is in all back ends, and nothing else is written.
func TestCustom(t *testing.T) {
	dir := t.TempDir()
	rules, out := filepath.Join(dir, "rules.yaml"), filepath.Join(dir, "mine")
	if err := os.WriteFile(rules, []byte("namespaces: [my-add-on]\nruntimeClasses: [my-gpu]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := custom(rules, out, false); err != nil {
		t.Fatal(err)
	}
	if err := custom(rules, out, true); err != nil {
		t.Error(err)
	}
	for _, backEnd := range []string{"policy-kyverno", "policy-mutatingpolicy", "policy-native", "policy-native-label"} {
		text, err := os.ReadFile(filepath.Join(out, backEnd, "inject.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		for word, want := range map[string]bool{"my-add-on": true, "my-gpu": true, "podview-system": true, "nvidia": false, "argocd": false} {
			if strings.Contains(string(text), word) != want {
				t.Errorf("%s has %s: %t", backEnd, word, !want)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(out, "policy-kyverno", "kustomization.yaml")); err != nil {
		t.Error(err)
	}
	if others, err := os.ReadDir(dir); err != nil || len(others) != 2 {
		t.Errorf("%v, %v", others, err)
	}
}

func TestCustomRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"namespace: [a]":       "unknown field",
		"namespaces: [A b]":    `"A b" is no name`,
		"runtimeClasses: ['']": `"" is no name`,
	} {
		rules := filepath.Join(t.TempDir(), "rules.yaml")
		if err := os.WriteFile(rules, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := custom(rules, t.TempDir(), false); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), rules) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
