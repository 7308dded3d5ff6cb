package e2e

import "testing"

// In-place resize, KEP-1287: the limits change, the container does not.
func TestResize(t *testing.T) {
	const spec = `
containers:
- {name: main, SLEEP, resources: {limits: {cpu: 500m, memory: 64Mi}, ` + small + `}}`
	for _, test := range []struct {
		name, limits string
		want         view
	}{
		{"memory up", `{"memory": "192Mi"}`, view{196608, 1}},
		{"cpu up", `{"cpu": "1500m"}`, view{65536, 2}},
		{"cpu and memory", `{"cpu": "2", "memory": "128Mi"}`, view{131072, 2}},
	} {
		scenario(t, test.name, optedIn, func(s *space) {
			s.pod("pod", spec)
			s.sees("pod", view{65536, 1})
			started := s.started("pod")
			s.kubectl("patch", "pod", "pod", "--subresource=resize", "--patch",
				`{"spec": {"containers": [{"name": "main", "resources": {"limits": `+test.limits+`}}]}}`)
			s.comesToSee("pod", test.want)
			if now := s.started("pod"); started != now {
				s.Errorf("the container that started at %s was started again at %s", started, now)
			}
		})
	}
}
