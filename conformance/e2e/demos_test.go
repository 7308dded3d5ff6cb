package e2e

import (
	"strings"
	"testing"
	"time"
)

// The two demos that podview was asked for.

func TestDemo(t *testing.T) {
	scenario(t, "lxcfs-demo", optedIn, func(s *space) {
		s.pod("lxcfs-demo", `
containers:
- {name: busybox, SLEEP, resources: {limits: {memory: 128Mi, cpu: 500m}, requests: {cpu: 50m, memory: 16Mi}}}`)
		s.sees("lxcfs-demo", view{131072, 1})
		programsAgree(s, "lxcfs-demo", "128", "128.0")
	})
	scenario(t, "httpd-test", optedIn, func(s *space) {
		s.apply(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: httpd-test}
spec:
  selector: {matchLabels: {app: httpd}}
  template:
    metadata: {labels: {app: httpd}}
    spec:
` + s.onNode(6) + `
      containers:
      - {name: httpd, HTTPD, resources: {limits: {memory: 256Mi, cpu: "1"}, requests: {cpu: 50m, memory: 16Mi}}}`)
		s.kubectl("rollout", "status", "deployment/httpd-test", "--timeout="+(time.Minute*s.node.patience()).String())
		s.sees("deployment/httpd-test", view{262144, 1})
		programsAgree(s, "deployment/httpd-test", "256", "256.0")
		if page := s.exec("deployment/httpd-test", "wget", "-q", "-O-", "http://localhost/"); page != "It works!\n" {
			s.Errorf("httpd serves %q", page)
		}
	})
}

// programsAgree: what people look with, not only the files.
func programsAgree(s *space, pod, freeMiB, topMiB string) {
	s.Helper()
	if got := fields(s.exec(pod, "/usr/bin/free", "-m"), "Mem:"); len(got) < 2 || got[1] != freeMiB {
		s.Errorf("procps free: %q, want a total of %s", got, freeMiB)
	}
	if got := fields(s.exec(pod, "env", "TERM=dumb", "/usr/bin/top", "-b", "-n", "1"), "MiB Mem"); len(got) < 4 || got[3] != topMiB {
		s.Errorf("procps top: %q, want a total of %s", got, topMiB)
	}
	if got := s.exec(pod, "/usr/bin/lscpu", "--extended=cpu"); len(strings.Fields(got)) != 2 {
		s.Errorf("lscpu lists other than one CPU: %q", got)
	}
	// The pod is younger than the node.
	if pod, node := uptime(s, s.exec(pod, "cat", "/proc/uptime")), uptime(s, s.onHost("cat", "/proc/uptime")); pod >= node {
		s.Errorf("the pod is up for %s, the node for %s", pod, node)
	}
	if got := s.exec(pod, "/usr/bin/uptime", "-p"); !strings.HasPrefix(got, "up ") || strings.Contains(got, "hour") {
		s.Errorf("uptime -p: %q", got)
	}
	// It asks sysinfo(2), which no file can change.
	s.Logf("busybox free:\n%s", s.exec(pod, "busybox", "free", "-m"))
}

// fields are those of the first line that starts with this.
func fields(text, start string) []string {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, start) {
			return strings.Fields(line)
		}
	}
	return nil
}

func uptime(s *space, text string) time.Duration {
	s.Helper()
	seconds, _, _ := strings.Cut(text, " ")
	d, err := time.ParseDuration(seconds + "s")
	if err != nil {
		s.Fatalf("/proc/uptime is %q", text)
	}
	return d
}
