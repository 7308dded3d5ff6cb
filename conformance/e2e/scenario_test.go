package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/podview/podview/conformance/e2e/image"
	"github.com/podview/podview/conformance/e2e/vmnode"
)

// node is where a scenario's pods run.
type node struct {
	name string // in the table, and of its namespaces
	host string // its label kubernetes.io/hostname
}

// patience is the factor of all limits: the second node's CPUs are emulated.
func (n node) patience() time.Duration {
	if n.host == vmnode.Name {
		return 4
	}
	return 1
}

// space is a scenario's namespace.
type space struct {
	*testing.T
	node node
	name string
}

// scenario runs what once per node, each time in a namespace of its own with
// these labels, and puts the result in the table. It runs beside others of its
// test: most of it is waiting.
func scenario(t *testing.T, name string, labels map[string]string, what func(*space)) {
	perNode(t, name, labels, what, (*testing.T).Parallel)
}

// alone is a scenario that others would not survive.
func alone(t *testing.T, name string, labels map[string]string, what func(*space)) {
	perNode(t, name, labels, what, func(*testing.T) {})
}

func perNode(t *testing.T, name string, labels map[string]string, what func(*space), begin func(*testing.T)) {
	if running == nil {
		t.Skip("needs a cluster: make e2e")
	}
	for _, n := range nodes {
		on(t, n, name, labels, what, begin)
	}
}

// aloneOn is alone, on one node.
func aloneOn(t *testing.T, n node, name string, labels map[string]string, what func(*space)) {
	on(t, n, name, labels, what, func(*testing.T) {})
}

func on(t *testing.T, n node, name string, labels map[string]string, what func(*space), begin func(*testing.T)) {
	t.Run(name+"/"+n.name, func(t *testing.T) {
		begin(t)
		s := &space{T: t, node: n, name: notInNames.ReplaceAllString(strings.ToLower(n.name+"-"+name), "-")}
		start := time.Now()
		t.Cleanup(func() {
			results.add(t, strings.TrimSuffix(t.Name(), "/"+strings.ReplaceAll(n.name, " ", "_")), n.name, time.Since(start))
		})
		s.create(labels)
		what(s)
	})
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// optedIn are the labels of most scenarios' namespaces.
var optedIn = map[string]string{"podview.dev/inject": "enabled"}

func (s *space) create(labels map[string]string) {
	s.Helper()
	text := fmt.Sprintf("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: %s\n  labels: {e2e: scenario", s.name)
	for key, value := range labels {
		text += fmt.Sprintf(", %s: %q", key, value)
	}
	s.apply(text + "}\n")
	// Without waiting: one that hangs must not stop the next scenario.
	s.Cleanup(func() {
		if s.Failed() {
			describe(s.name)
		}
		kube(s.T, 30*time.Second, "", "delete", "namespace", s.name, "--wait=false")
	})
	s.until(30*time.Second, "the service account default", func() error {
		_, err := try(10*time.Second, "", "-n", s.name, "get", "serviceaccount", "default")
		return err
	})
}

// macros keep the manifests below short.
var macros = strings.NewReplacer(
	"BUSYBOX", "image: "+image.Busybox+", imagePullPolicy: Never",
	"SLEEP", "image: "+image.Busybox+`, imagePullPolicy: Never, command: [sleep, infinity]`,
	"HTTPD", "image: "+image.Httpd+", imagePullPolicy: Never",
)

// apply applies a manifest, in the scenario's namespace where it names none.
func (s *space) apply(manifest string) {
	s.Helper()
	kube(s.T, 30*time.Second, macros.Replace(manifest), "-n", s.name, "apply", "-f", "-")
}

// pod makes a pod of this spec, in flow or block style, on the scenario's node.
func (s *space) pod(name, spec string) {
	s.Helper()
	s.apply(s.manifest(name, "{}", spec))
	s.ready("pod/" + name)
}

func (s *space) manifest(name, labels, spec string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: %s, labels: %s}\nspec:\n%s%s", name, labels, s.onNode(2), indent(spec, 2))
}

// onNode are the lines of a pod's spec that a scenario's pods have in common.
// Their programs ignore SIGTERM.
func (s *space) onNode(spaces int) string {
	return indent("nodeSelector: {kubernetes.io/hostname: "+s.node.host+"}\nterminationGracePeriodSeconds: 0", spaces)
}

func indent(text string, spaces int) string {
	margin := strings.Repeat(" ", spaces)
	return margin + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+margin) + "\n"
}

// ready waits for a pod, or for all of a selector.
func (s *space) ready(what string) {
	s.Helper()
	s.kubectl("wait", "--for=condition=Ready", what, "--timeout="+(time.Minute*s.node.patience()).String())
}

func (s *space) kubectl(args ...string) string {
	s.Helper()
	return kube(s.T, 2*time.Minute*s.node.patience(), "", append([]string{"-n", s.name}, args...)...)
}

// exec runs a command in a pod; CONTAINER may follow the name after a colon.
func (s *space) exec(pod string, command ...string) string {
	s.Helper()
	out, err := s.tryExec(pod, command...)
	if err != nil {
		s.Fatal(err)
	}
	return out
}

func (s *space) tryExec(pod string, command ...string) (string, error) {
	args := []string{"-n", s.name, "exec", pod}
	if pod, container, ok := strings.Cut(pod, ":"); ok {
		args = []string{"-n", s.name, "exec", pod, "-c", container}
	}
	return try(30*time.Second*s.node.patience(), "", append(append(args, "--"), command...)...)
}

// until fails the scenario when what does not succeed in time.
func (s *space) until(limit time.Duration, name string, what func() error) {
	s.Helper()
	limit *= s.node.patience()
	if err := poll(limit, what); err != nil {
		s.Fatalf("waited %s for %s: %v", limit, name, err)
	}
}

func poll(limit time.Duration, what func() error) error {
	for end := time.Now().Add(limit); ; time.Sleep(100 * time.Millisecond) {
		if err := what(); err == nil || time.Now().After(end) {
			return err
		}
	}
}

// kube is kubectl: it returns stdout, and fails the test with both.
func kube(t testing.TB, limit time.Duration, stdin string, args ...string) string {
	t.Helper()
	out, err := try(limit, stdin, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func try(limit time.Duration, stdin string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return output(running.Command(ctx, "kubectl", args...), stdin)
}

func output(command *exec.Cmd, stdin string) (string, error) {
	var stdout, stderr bytes.Buffer
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(stdin), &stdout, &stderr
	command.WaitDelay = time.Second
	if err := command.Run(); err != nil {
		_, args, _ := strings.Cut(strings.Join(command.Args, " "), " KUBECONFIG="+running.Kubeconfig()+" ")
		return stdout.String(), fmt.Errorf("%s: %w\n%s%s", args, err, stdout.String(), stderr.String())
	}
	return stdout.String(), nil
}
