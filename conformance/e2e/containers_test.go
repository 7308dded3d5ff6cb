package e2e

import (
	"strconv"
	"testing"
	"time"

	"github.com/podview/podview/conformance/e2e/image"
)

const (
	small = `requests: {cpu: 10m, memory: 8Mi}`
	hosts = -1 // what the node has
)

// Each kind of container that a pod can have, and whose limits it sees.
func TestContainers(t *testing.T) {
	for _, test := range []struct {
		name, spec string
		want       map[string]view // by container
	}{
		{"guaranteed", `
containers:
- {name: main, SLEEP, resources: {limits: {cpu: 20m, memory: 64Mi}, requests: {cpu: 20m, memory: 64Mi}}}`,
			map[string]view{"main": {65536, 1}}},
		{"burstable", `
containers:
- {name: main, SLEEP, resources: {limits: {cpu: 1500m, memory: 96Mi}, ` + small + `}}`,
			map[string]view{"main": {98304, 2}}},
		{"burstable without limits", `
containers:
- {name: main, SLEEP, resources: {` + small + `}}`,
			map[string]view{"main": {hosts, hosts}}},
		{"best effort", `
containers:
- {name: main, SLEEP}`,
			map[string]view{"main": {hosts, hosts}}},
		{"memory limit only", `
containers:
- {name: main, SLEEP, resources: {limits: {memory: 64Mi}, ` + small + `}}`,
			map[string]view{"main": {65536, hosts}}},
		{"two containers", `
containers:
- {name: one, SLEEP, resources: {limits: {cpu: 500m, memory: 64Mi}, ` + small + `}}
- {name: two, SLEEP, resources: {limits: {cpu: 1500m, memory: 192Mi}, ` + small + `}}`,
			map[string]view{"one": {65536, 1}, "two": {196608, 2}}},
		{"native sidecar", `
initContainers:
- {name: sidecar, SLEEP, restartPolicy: Always, resources: {limits: {cpu: 500m, memory: 32Mi}, ` + small + `}}
containers:
- {name: main, SLEEP, resources: {limits: {cpu: 500m, memory: 64Mi}, ` + small + `}}`,
			map[string]view{"sidecar": {32768, 1}, "main": {65536, 1}}},
		{"shareProcessNamespace", `
shareProcessNamespace: true
containers:
- {name: one, SLEEP, resources: {limits: {cpu: 500m, memory: 64Mi}, ` + small + `}}
- {name: two, SLEEP, resources: {limits: {cpu: 1500m, memory: 192Mi}, ` + small + `}}`,
			map[string]view{"one": {65536, 1}, "two": {196608, 2}}},
		{"hostPID", `
hostPID: true
containers:
- {name: main, SLEEP, resources: {limits: {cpu: 500m, memory: 64Mi}, ` + small + `}}`,
			map[string]view{"main": {65536, 1}}},
		{"pod-level resources", `
resources: {limits: {cpu: "1", memory: 256Mi}, ` + small + `}
containers:
- {name: one, SLEEP}
- {name: two, SLEEP, resources: {limits: {cpu: 500m, memory: 64Mi}, ` + small + `}}`,
			map[string]view{"one": {262144, 1}, "two": {65536, 1}}},
	} {
		scenario(t, test.name, optedIn, func(s *space) {
			s.pod("pod", test.spec)
			host := s.host()
			for container, want := range test.want {
				if want.memoryKB == hosts {
					want.memoryKB = host.memoryKB
				}
				if want.cpus == hosts {
					want.cpus = host.cpus
				}
				want.cpus = min(want.cpus, host.cpus)
				s.sees("pod:"+container, want)
			}
		})
	}
}

func TestInitContainer(t *testing.T) {
	scenario(t, "init", optedIn, func(s *space) {
		s.pod("pod", `
initContainers:
- {name: first, BUSYBOX, command: [sh, -c, `+strconv.Quote(probe)+`], resources: {limits: {cpu: 500m, memory: 32Mi}, `+small+`}}
containers:
- {name: main, SLEEP, resources: {limits: {cpu: 500m, memory: 64Mi}, `+small+`}}`)
		got, err := parseProbe(s.kubectl("logs", "pod", "-c", "first"))
		if want := (view{32768, 1}); err != nil || got != want {
			s.Errorf("the init container sees %+v, want %+v; %v", got, want, err)
		}
		s.sees("pod:main", view{65536, 1})
	})
}

// An ephemeral container has no limits of its own: it sees the pod's. With the
// target's processes it still is a container of its own.
func TestEphemeralContainer(t *testing.T) {
	for name, target := range map[string][]string{"debug": nil, "debug --target": {"--target=main"}} {
		scenario(t, name, optedIn, func(s *space) {
			s.pod("pod", `
containers:
- {name: main, SLEEP, resources: {limits: {cpu: 500m, memory: 64Mi}, `+small+`}}`)
			s.kubectl(append(append([]string{"debug", "pod", "--container=debugger", "--profile=general"}, target...),
				"--image="+image.Busybox, "--image-pull-policy=Never", "--", "sleep", "infinity")...)
			s.until(30*time.Second, "the debugger to run", func() error {
				_, err := s.tryExec("pod:debugger", "true")
				return err
			})
			s.sees("pod:debugger", view{65536, 1})
		})
	}
}
