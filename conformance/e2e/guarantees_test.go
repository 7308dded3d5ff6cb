package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// These are the cells of docs/guarantees.md that need a kubelet, for pods with
// hostPath volumes; conformance has the others.
func TestGuarantees(t *testing.T) {
	alone(t, "no DaemonSet", optedIn, noDaemonSet)
	alone(t, "fresh node", optedIn, freshNode)
	alone(t, "fresh node with links", optedIn, freshNodeWithLinks)
	alone(t, "refused start", optedIn, refusedStart)
	alone(t, "no image", optedIn, noImage)
	alone(t, "all killed", optedIn, allKilled)
}

// stoppable is a pod whose container ends when it is told to, and is started
// again.
const stoppable = `
containers:
- {name: main, BUSYBOX, command: [sh, -c, "until [ -e /stop ]; do sleep 0.1; done"], resources: {limits: {cpu: 100m, memory: 64Mi}, ` + small + `}}`

// starts makes a pod, and says how long it took to be ready.
func (s *space) starts(name string, want view) {
	s.Helper()
	began := time.Now()
	s.pod(name, stoppable)
	s.Logf("%s was ready after %.1f s", name, time.Since(began).Seconds())
	s.sees(name, want)
}

// startsAgain has the container of a pod started again.
func (s *space) startsAgain(pod string, want view) {
	s.Helper()
	before := s.restarts(pod)
	began := time.Now()
	_, _ = s.tryExec(pod, "touch", "/stop")
	s.until(60*time.Second, pod+" to be started again", func() error {
		if now := s.restarts(pod); now == before || s.started(pod) == "" {
			return fmt.Errorf("started again %s times, before %s", now, before)
		}
		return nil
	})
	s.Logf("%s was started again after %.1f s", pod, time.Since(began).Seconds())
	s.sees(pod, want)
}

// away takes podview off the node until back.
func (s *space) away() (back func()) {
	s.Helper()
	place(s, `{"podview.dev/nowhere": "true"}`)
	done := false
	back = func() {
		s.Helper()
		if !done {
			done = true
			place(s, `{"podview.dev/nowhere": null}`)
			s.podviewReady("")
		}
	}
	s.Cleanup(back)
	s.until(60*time.Second, "podview to leave the node", func() error {
		if now := s.podviewPod(); now != "" {
			return fmt.Errorf("pod %s is there", now)
		}
		return nil
	})
	s.unmounted()
	return back
}

// unmounted waits until nothing hides the links.
func (s *space) unmounted() {
	s.Helper()
	s.until(30*time.Second, "podview's mount to be off", func() error {
		if mounts := s.onHost("cat", "/proc/1/mountinfo"); strings.Contains(mounts, " /var/lib/podview/view ") {
			return errors.New("it is there")
		}
		return nil
	})
}

// neverRanHere takes the links away.
func (s *space) neverRanHere() {
	s.Helper()
	s.onHost("rm", "-r", "/proc/1/root/var/lib/podview/view")
}

func noDaemonSet(s *space) {
	s.starts("before", limitedView)
	back := s.away()
	s.starts("new", s.host())
	s.startsAgain("before", s.host())
	back()
	s.comesToSee("before", limitedView)
	s.comesToSee("new", limitedView)
}

// freshNode is the one cell where a pod waits.
func freshNode(s *space) {
	back := s.away()
	s.neverRanHere()
	s.apply(s.manifest("pod", "{}", stoppable))
	s.until(60*time.Second, "the pod to wait for its volumes", func() error {
		out, err := try(10*time.Second, "", "-n", s.name, "get", "events", "-o", "jsonpath={.items[*].message}")
		if err == nil && !strings.Contains(out, "/var/lib/podview/view/") {
			err = errors.New(out)
		}
		return err
	})
	back()
	began := time.Now()
	s.ready("pod/pod")
	s.Logf("ready %.1f s after podview", time.Since(began).Seconds())
	s.sees("pod", limitedView)
}

// freshNodeWithLinks is what a node has by docs/boot.
func freshNodeWithLinks(s *space) {
	back := s.away()
	s.neverRanHere()
	image := s.daemonSets("{.items[0].spec.template.spec.containers[0].image}")
	kube(s.T, 30*time.Second, fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata: {name: %s, namespace: %s}
spec:
  nodeSelector: {kubernetes.io/hostname: %s}
  restartPolicy: Never
  containers:
  - name: links
    image: %s
    imagePullPolicy: Never
    args: [links]
    securityContext: {runAsUser: 0, runAsGroup: 0, readOnlyRootFilesystem: true}
    volumeMounts: [{name: podview, mountPath: /var/lib/podview}]
  volumes: [{name: podview, hostPath: {path: /var/lib/podview, type: DirectoryOrCreate}}]
`, s.name, toolSpace, s.node.host, image), "apply", "-f", "-")
	s.Cleanup(func() { kube(s.T, time.Minute, "", "-n", toolSpace, "delete", "pod", s.name) })
	kube(s.T, 2*time.Minute, "", "-n", toolSpace, "wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/"+s.name, "--timeout=90s")
	s.starts("pod", s.host())
	back()
	s.comesToSee("pod", limitedView)
}

// daemonSets asks for podview's.
func (s *space) daemonSets(jsonpath string) string {
	s.Helper()
	return kube(s.T, 30*time.Second, "", "-n", "podview-system", "get", "daemonsets", "-o", "jsonpath="+jsonpath)
}

// changed has all of podview's DaemonSets with another value until the end.
func (s *space) changed(field string, to func(was string) string) {
	s.Helper()
	patch := func(name, value string) {
		kube(s.T, 30*time.Second, "", "-n", "podview-system", "patch", "daemonset", name, "--type=json",
			"--patch", `[{"op": "replace", "path": "/spec/template/spec/containers/0/`+field+`", "value": `+value+`}]`)
	}
	for _, name := range strings.Fields(s.daemonSets("{.items[*].metadata.name}")) {
		was := kube(s.T, 30*time.Second, "", "-n", "podview-system", "get", "daemonset", name, "-o", "json")
		var object struct {
			Spec struct {
				Template struct {
					Spec struct{ Containers []map[string]json.RawMessage }
				}
			}
		}
		if err := json.Unmarshal([]byte(was), &object); err != nil {
			s.Fatal(err)
		}
		value := string(object.Spec.Template.Spec.Containers[0][field])
		s.Cleanup(func() { patch(name, value) })
		patch(name, to(value))
	}
}

// refusedStart: a manifest that is newer than the image, on a new node.
func refusedStart(s *space) {
	s.away()
	s.neverRanHere()
	s.changed("args", func(was string) string {
		return strings.TrimSuffix(was, "]") + `,"--of-a-later-version"]`
	})
	place(s, `{"podview.dev/nowhere": null}`)
	s.until(90*time.Second, "podview to refuse", func() error {
		restarts := s.ofPodview("{.items[*].status.containerStatuses[0].restartCount}")
		if restarts == "" || restarts == "0" {
			return fmt.Errorf("it was started again %q times", restarts)
		}
		return nil
	})
	s.starts("pod", s.host())
	s.startsAgain("pod", s.host())
}

// noImage: the pod before serves on, and where it is gone, links are.
func noImage(s *space) {
	before := s.podviewPod()
	s.Cleanup(func() { s.podviewReady("") })
	s.Cleanup(func() { // the controller would wait for it
		for _, pod := range strings.Fields(s.podviewPod()) {
			try(time.Minute, "", "-n", "podview-system", "delete", "pod", pod, "--wait=false")
		}
	})
	s.changed("image", func(string) string { return `"127.0.0.1:1/podview:none"` })
	s.until(90*time.Second, "the next image not to be there", func() error {
		why := s.ofPodview("{.items[*].status.containerStatuses[*].state.waiting.reason}")
		if !strings.Contains(why, "Image") {
			return fmt.Errorf("it waits for %q", why)
		}
		return nil
	})
	s.starts("served", limitedView)
	kube(s.T, time.Minute*s.node.patience(), "", "-n", "podview-system", "delete", "pod", before)
	s.unmounted()
	s.starts("pod", s.host())
	s.startsAgain("served", s.host())
}

// allKilled: nobody is left to take the dead mount off, until kubelet has
// started the container again.
func allKilled(s *space) {
	s.starts("before", limitedView)
	started := s.podviewStarted()
	s.onHost("sh", "-c", "kill -9 $(pgrep -f '^/podview ') || true")
	began := time.Now()
	s.pod("new", stoppable)
	s.Logf("a new pod was ready after %.1f s", time.Since(began).Seconds())
	s.until(60*time.Second, "a new container of podview", func() error {
		if now := s.podviewStarted(); now == "" || now == started {
			return fmt.Errorf("started at %s, before at %s", now, started)
		}
		return nil
	})
	s.podviewReady("")
	s.comesToSee("before", limitedView)
	s.comesToSee("new", limitedView)
}
