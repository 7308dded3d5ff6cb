package e2e

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/podview/podview/conformance/e2e/image"
)

// viewMounts are the view's mounts in a container, sorted.
func (s *space) viewMounts(pod string) []string {
	s.Helper()
	var at []string
	for line := range strings.Lines(s.exec(pod, "cat", "/proc/self/mounts")) {
		if f := strings.Fields(line); len(f) > 2 && f[2] == "fuse.podview" {
			at = append(at, f[1])
		}
	}
	slices.Sort(at)
	return at
}

// mountedOnce: all of the view, nothing of it twice.
func (s *space) mountedOnce(pod string, without ...string) []string {
	s.Helper()
	at := s.viewMounts(pod)
	for _, path := range []string{"/proc/cpuinfo", "/proc/diskstats", "/proc/loadavg", "/proc/meminfo", "/proc/slabinfo", "/proc/stat", "/proc/swaps", "/proc/uptime", "/sys/devices/system/cpu"} {
		if !slices.Contains(at, path) && !slices.Contains(without, path) {
			s.Errorf("%s has no view at %s, but at %q", pod, path, at)
		}
	}
	if len(slices.Compact(slices.Clone(at))) != len(at) {
		s.Errorf("%s has the view twice: %q", pod, at)
	}
	return at
}

var mebi128 = view{131072, 1}

// Namespaces that enforce Pod Security, where hostPath volumes are refused.
func TestNRI(t *testing.T) {
	withNRI(t, nriOnly)
	for _, level := range []string{"restricted", "baseline"} {
		scenario(t, level, enforced(level), func(s *space) { namespaceMakesTheDifference(s, level) })
	}
	scenario(t, "debug", enforced("restricted"), func(s *space) {
		s.begin()
		s.pod("pod", hardened("main", "128Mi"))
		s.kubectl("debug", "pod", "--container=debugger", "--profile=restricted",
			"--image="+image.Busybox, "--image-pull-policy=Never", "--", "sleep", "infinity")
		s.until(30*time.Second, "the debugger to run", func() error {
			_, err := s.tryExec("pod:debugger", "true")
			return err
		})
		// It has no limit of its own: it sees the pod's.
		s.sees("pod:debugger", mebi128)
		s.mountedOnce("pod:debugger")
	})
	scenario(t, "containers", enforced("restricted"), func(s *space) {
		s.begin()
		s.pod("pod", hardened("main", "128Mi", `
initContainers:
- {name: first, BUSYBOX, command: [sh, -c, `+strconv.Quote(probe)+`], resources: {limits: {cpu: 500m, memory: 32Mi}, `+small+`}, `+unprivileged+`}
- {name: sidecar, SLEEP, restartPolicy: Always, resources: {limits: {cpu: 500m, memory: 64Mi}, `+small+`}, `+unprivileged+`}`))
		got, err := parseProbe(s.kubectl("logs", "pod", "-c", "first"))
		if want := (view{32768, 1}); err != nil || got != want {
			s.Errorf("the init container sees %+v, want %+v; %v", got, want, err)
		}
		s.sees("pod:sidecar", view{65536, 1})
		s.sees("pod:main", mebi128)
		s.mountedOnce("pod:main")
		s.mountedOnce("pod:sidecar")
	})
	scenario(t, "readOnlyRootFilesystem", enforced("restricted"), func(s *space) {
		s.begin()
		s.pod("pod", strings.ReplaceAll(hardened("main", "128Mi"), "{allowPriv", "{readOnlyRootFilesystem: true, allowPriv"))
		s.sees("pod", mebi128)
		if _, err := s.tryExec("pod", "touch", "/file"); err == nil {
			s.Error("the root can be written to")
		}
	})
	scenario(t, "hostUsers false", enforced("restricted"), func(s *space) {
		s.begin()
		s.pod("pod", hardened("main", "128Mi", "hostUsers: false"))
		s.sees("pod", mebi128)
		s.mountedOnce("pod")
		if got := strings.Fields(s.exec("pod", "cat", "/proc/self/uid_map")); len(got) < 2 || got[0] != "0" || got[1] == "0" {
			s.Errorf("it has no users of its own: %q", got)
		}
	})
	scenario(t, "own mounts", enforced("restricted"), ownMounts)
	scenario(t, "opted out", enforced("restricted"), func(s *space) {
		s.begin()
		s.apply(s.manifest("pod", "{podview.dev/inject: disabled}", hardened("main", "128Mi")))
		s.ready("pod/pod")
		s.sees("pod", s.host())
	})
}

// begin waits for all that a pod needs to get the view when it is created.
func (s *space) begin() {
	s.Helper()
	s.labelled(hardened("main", "128Mi"))
	s.connected(0)
}

// namespaceMakesTheDifference: the same pod in two namespaces, of which one has
// podview's label. Nothing else differs, not even what is stored.
func namespaceMakesTheDifference(s *space, level string) {
	s.begin()
	plain := &space{T: s.T, node: s.node, name: s.name + "-plain"}
	plain.create(map[string]string{"pod-security.kubernetes.io/enforce": level})
	specs := map[string]string{}
	for _, n := range []*space{s, plain} {
		n.pod("pod", hardened("main", "128Mi"))
		specs[n.name] = n.kubectl("get", "pod", "pod", "-o", "jsonpath={.spec}")
	}
	s.sees("pod", mebi128)
	for _, at := range s.mountedOnce("pod") {
		if strings.HasPrefix(at, "/proc/pressure") {
			s.Errorf("%s is mounted, and nobody asked for it", at)
		}
	}
	plain.sees("pod", s.host())
	if got := plain.viewMounts("pod"); len(got) > 0 {
		s.Errorf("without podview's label it has %q", got)
	}
	if specs[s.name] != specs[plain.name] {
		s.Errorf("the specification is\n%s\nand without podview's label\n%s", specs[s.name], specs[plain.name])
	}
	if strings.Contains(specs[s.name], "hostPath") || strings.Contains(specs[s.name], "/var/lib/podview") {
		s.Errorf("the specification names a path of the host:\n%s", specs[s.name])
	}
	// Pod Security is in force here.
	_, err := try(30*time.Second, macros.Replace(s.manifest("hostpath", "{}", hardened("main", "128Mi", "volumes: [{name: own, hostPath: {path: /var/lib/podview}}]"))),
		"-n", s.name, "create", "-f", "-")
	if err == nil || !strings.Contains(err.Error(), "violates PodSecurity") {
		s.Errorf("a pod with a hostPath volume: %v", err)
	}
}

// ownMounts: what the user mounts at a path or above it stays.
func ownMounts(s *space) {
	s.begin()
	s.kubectl("create", "configmap", "own", "--from-literal=meminfo=MemTotal: 7777 kB")
	mounts := func(list string) string {
		return strings.ReplaceAll(hardened("main", "128Mi"), "{name: main,", "{name: main, volumeMounts: "+list+",")
	}
	s.pod("at", mounts("[{name: own, mountPath: /proc/meminfo, subPath: meminfo}]")+"volumes: [{name: own, configMap: {name: own}}]")
	if got := s.exec("at", "cat", "/proc/meminfo"); got != "MemTotal: 7777 kB" {
		s.Errorf("the pod's own meminfo is %q", got)
	}
	if got := s.viewMounts("at"); slices.Contains(got, "/proc/meminfo") || !slices.Contains(got, "/proc/cpuinfo") {
		s.Errorf("beside its own meminfo the pod has %q", got)
	}
	s.pod("above", mounts("[{name: own, mountPath: /sys/devices/system}]")+"volumes: [{name: own, emptyDir: {}}]")
	if got := s.exec("above", "ls", "/sys/devices/system"); got != "" {
		s.Errorf("the pod's own directory has %q", got)
	}
	if got := s.viewMounts("above"); slices.Contains(got, "/sys/devices/system/cpu") || !slices.Contains(got, "/proc/meminfo") {
		s.Errorf("beside its own directory the pod has %q", got)
	}
}
