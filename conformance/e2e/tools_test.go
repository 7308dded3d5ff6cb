package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// toolSpace has a pod on each node that sees the node as it is: it has the
// node's processes, and no view.
const toolSpace = "e2e-tools"

func startTools(ctx context.Context) error {
	manifest := "apiVersion: v1\nkind: Namespace\nmetadata: {name: " + toolSpace + "}\n"
	for _, n := range nodes {
		manifest += fmt.Sprintf(`---
apiVersion: v1
kind: Pod
metadata: {name: %[1]s, namespace: %[2]s}
spec:
  hostPID: true
  nodeSelector: {kubernetes.io/hostname: %[1]s}
  terminationGracePeriodSeconds: 0
  containers: [{name: main, SLEEP, securityContext: {privileged: true}}]
`, n.host, toolSpace)
	}
	err := poll(time.Minute, func() error {
		_, err := try(30*time.Second, macros.Replace(manifest), "apply", "-f", "-")
		return err
	})
	if err != nil {
		return err
	}
	_, err = running.Kubectl(ctx, "-n", toolSpace, "wait", "--for=condition=Ready", "pod", "--all", "--timeout=4m")
	return err
}

// onHost runs a command on the scenario's node, as root.
func (s *space) onHost(command ...string) string {
	s.Helper()
	return kube(s.T, 30*time.Second*s.node.patience(), "", append([]string{"-n", toolSpace, "exec", s.node.host, "--"}, command...)...)
}

// pids are the node's processes whose command line matches this, anchored by ^.
func (s *space) pids(commandLine string) []string {
	s.Helper()
	// pgrep exits 1 where there is none.
	return strings.Fields(s.onHost("sh", "-c", "pgrep -f '"+commandLine+"' || true"))
}

// describe writes what Kubernetes knows of a namespace to the logs.
func describe(namespace string) {
	dir := filepath.Join(running.LogDir(), "namespaces")
	os.MkdirAll(dir, 0o755)
	out, err := try(30*time.Second, "", "-n", namespace, "describe", "pods,events")
	if err != nil {
		out += err.Error()
	}
	os.WriteFile(filepath.Join(dir, namespace+".txt"), []byte(out), 0o644)
}

// collect copies the logs to where the cluster's end does not remove them.
func collect() string {
	to := os.Getenv("E2E_LOGS")
	if to == "" || running == nil {
		return "none"
	}
	describe("podview-system")
	if err := os.RemoveAll(to); err != nil {
		return err.Error()
	}
	if err := os.CopyFS(to, os.DirFS(running.LogDir())); err != nil {
		return err.Error()
	}
	return to
}

// view is what a container sees of its memory and CPUs.
type view struct {
	memoryKB int
	cpus     int
}

// probe prints the memory, and the CPUs as five files tell them.
const probe = `awk '/^MemTotal:/ { print $2 }' /proc/meminfo
grep -c ^processor /proc/cpuinfo
grep -c '^cpu[0-9]' /proc/stat
ls -d /sys/devices/system/cpu/cpu[0-9]*/topology | wc -l
cat /sys/devices/system/cpu/online`

func parseProbe(text string) (view, error) {
	lines := strings.Fields(text)
	if len(lines) != 5 {
		return view{}, fmt.Errorf("the probe printed %q", text)
	}
	n := make([]int, 4)
	for i := range n {
		var err error
		if n[i], err = strconv.Atoi(lines[i]); err != nil {
			return view{}, fmt.Errorf("the probe printed %q: %w", text, err)
		}
	}
	if n[1] != n[2] || n[1] != n[3] || n[1] != listed(lines[4]) {
		return view{}, fmt.Errorf("cpuinfo has %d CPUs, stat %d, /sys %d with a topology and online %s", n[1], n[2], n[3], lines[4])
	}
	return view{memoryKB: n[0], cpus: n[1]}, nil
}

// listed counts the CPUs in a list such as "0-1,4"; 0 of what is none.
func listed(list string) (cpus int) {
	for part := range strings.SplitSeq(list, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err1 := strconv.Atoi(first)
		to, err2 := strconv.Atoi(last)
		if err1 != nil || err2 != nil {
			return 0
		}
		cpus += to - from + 1
	}
	return cpus
}

func (s *space) see(pod string) (view, error) {
	out, err := s.tryExec(pod, "sh", "-c", probe)
	if err != nil {
		return view{}, err
	}
	return parseProbe(out)
}

// sees fails the scenario unless the container sees exactly this.
func (s *space) sees(pod string, want view) {
	s.Helper()
	got, err := s.see(pod)
	if err != nil {
		s.Error(err)
	} else if got != want {
		s.Errorf("%s sees %d kB and %d CPUs, want %d kB and %d", pod, got.memoryKB, got.cpus, want.memoryKB, want.cpus)
	}
}

// comesToSee waits until it does.
func (s *space) comesToSee(pod string, want view) {
	s.Helper()
	s.until(30*time.Second, fmt.Sprintf("%s to see %+v", pod, want), func() error {
		got, err := s.see(pod)
		if err == nil && got != want {
			err = fmt.Errorf("it sees %+v", got)
		}
		return err
	})
}

// host is what the node itself has.
func (s *space) host() view {
	s.Helper()
	got, err := parseProbe(s.onHost("sh", "-c", probe))
	if err != nil {
		s.Fatal(err)
	}
	return got
}

// inSandbox runs a program of this machine in the cluster's namespaces.
func (s *space) inSandbox(stdin, program string, args ...string) {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if _, err := output(running.Command(ctx, program, args...), stdin); err != nil {
		s.Fatal(err)
	}
}
