package render

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// fences are a document's code blocks of one language, without the indentation
// of a list.
func fences(text, language string) []string {
	var blocks []string
	for _, m := range regexp.MustCompile("(?ms)^ *```"+language+"\n(.*?)^ *```$").FindAllStringSubmatch(text, -1) {
		var block strings.Builder
		for line := range strings.Lines(m[1]) {
			if language != "yaml" {
				line = strings.TrimLeft(line, " ")
			}
			block.WriteString(line)
		}
		blocks = append(blocks, block.String())
	}
	return blocks
}

func commands(t *testing.T) []string {
	t.Helper()
	// README's sh blocks are run by another test, which has no kubectl.
	var all []string
	for _, block := range append(fences(string(read(t, "docs/install.md")), "sh"), fences(string(read(t, "README.md")), "bash")...) {
		all = append(all, strings.Split(strings.TrimSpace(block), "\n")...)
	}
	if len(all) < 20 {
		t.Fatalf("docs/install.md has only %d commands", len(all))
	}
	return all
}

// A kubectl with no cluster does all of a command but the request: flags,
// files, kustomize. So the one good end is that nobody answers.
func try(t *testing.T, kubectl, command string) error {
	t.Helper()
	config := filepath.Join(t.TempDir(), "config")
	text := `{apiVersion: v1, kind: Config, current-context: none,
clusters: [{name: none, cluster: {server: "http://127.0.0.1:1"}}], contexts: [{name: none, context: {cluster: none}}]}`
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	script := "set -o pipefail; kubectl() { '" + kubectl + "' \"$@\"; }; " + command
	cmd := exec.Command("bash", "-c", script)
	cmd.Dir = repository
	cmd.Env = append(os.Environ(), "KUBECONFIG="+config, "HOME="+t.TempDir())
	out, err := cmd.CombinedOutput()
	offline := strings.Contains(command, "kubectl kustomize ")
	switch {
	case offline && err != nil:
		return fmt.Errorf("%w: %s", err, out)
	case !offline && !strings.Contains(string(out), "127.0.0.1:1"):
		return fmt.Errorf("%v: it did not get as far as the API server: %s", err, out)
	}
	return nil
}

func TestInstallCommands(t *testing.T) {
	kubectl := os.Getenv("KUBECTL")
	if kubectl == "" {
		t.Skip("KUBECTL names no kubectl; make render does")
	}
	for _, command := range commands(t) {
		if !strings.HasPrefix(command, "kubectl ") {
			t.Errorf("%q is no kubectl command, and not checked", command)
		} else if err := try(t, kubectl, command); err != nil {
			t.Errorf("%s: %v", command, err)
		}
	}
	// And what is wrong is seen.
	for _, command := range []string{
		"kubectl apply --server-side -k overlays/cgroup-v3",
		"kubectl apply --sever-side -k overlays/cgroup-v2",
		"kubectl apply -f kustomize/gitops/flux/none.yaml",
		"kubectl kustomize overlays/none",
		"kubectl rolout status daemonset/podview",
	} {
		if err := try(t, kubectl, command); err == nil {
			t.Errorf("%s: nothing wrong with it", command)
		}
	}
}

// Removal in another order breaks pods: policies, pods, daemon.
func TestRemovalOrder(t *testing.T) {
	_, removal, ok := strings.Cut(string(read(t, "docs/install.md")), "\n## Remove\n")
	if !ok {
		t.Fatal("no section Remove")
	}
	last := -1
	for _, step := range []string{
		"kubectl delete -k kustomize/components/policy-", "delete kustomizations.kustomize.toolkit.fluxcd.io podview-policies",
		"rollout restart deployment", "podview.dev/inject-", "delete application podview",
		"delete kustomizations.kustomize.toolkit.fluxcd.io podview-daemon", "kubectl delete -k kustomize/base",
	} {
		at := strings.Index(removal, step)
		if at <= last {
			t.Errorf("%q is at %d, after a later step or not there", step, at)
		}
		last = at
	}
}

// What the Application patch of the removal leaves is the daemon.
func TestRemovalByArgoCD(t *testing.T) {
	root := copyTree(t)
	file := filepath.Join(root, "kustomize/base/kustomization.yaml")
	text := string(read(t, "kustomize/base/kustomization.yaml")) + "components:\n- ../../kustomize/components/argocd-sync-waves\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	want := build(t, repository, "kustomize/base")
	if got := build(t, root, "kustomize/base"); string(got) != string(want) {
		t.Errorf("not the base, but:\n%s", got)
	}
}

// The example of an overlay builds, and its image is the one in it.
func TestOwnOverlay(t *testing.T) {
	blocks := fences(string(read(t, "docs/install.md")), "yaml")
	if len(blocks) != 1 {
		t.Fatalf("%d YAML blocks", len(blocks))
	}
	root := copyTree(t)
	dir := filepath.Join(root, "overlays/mine")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(blocks[0]), 0o644); err != nil {
		t.Fatal(err)
	}
	built := build(t, root, "overlays/mine")
	checkInvariants(t, built)
	if !strings.Contains(string(built), "image: registry.example.com/podview:v0.1.0\n") {
		t.Errorf("another image than the example's:\n%s", golden(t, built))
	}
}

// Links to files of the repository lead somewhere.
func TestLinks(t *testing.T) {
	links := 0
	for _, file := range []string{"README.md", "docs/install.md", "overlays/README.md"} {
		for _, m := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(string(read(t, file)), -1) {
			links++
			if _, err := os.Stat(filepath.Join(repository, filepath.Dir(file), m[1])); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
	if links < 30 {
		t.Errorf("only %d links", links)
	}
}
