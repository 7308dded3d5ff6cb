package demo

import "testing"

func TestPin(t *testing.T) {
	both := []string{"cpu", "cpuset"}
	for name, tc := range map[string]struct {
		milliCPUs   int64
		cpuset      string
		controllers []string
		want        string
	}{
		"one CPU":              {1000, "", both, "2"},
		"two CPUs":             {2000, "", both, "2,5"},
		"as many as there are": {4000, "", both, ""},
		"more than there are":  {9000, "", both, ""},
		"half a CPU":           {500, "", both, ""},
		"one and a half":       {1500, "", both, ""},
		"no limit":             {0, "", both, ""},
		"--cpuset wins":        {1000, "5-6", both, "5-6"},
		"no controller":        {1000, "", []string{"cpu"}, ""},
	} {
		c := config{milliCPUs: tc.milliCPUs, cpuset: tc.cpuset}.pin(tc.controllers, []int{2, 5, 6, 7})
		if c.cpuset != tc.want || c.milliCPUs != tc.milliCPUs {
			t.Errorf("%s: cpuset %q, want %q", name, c.cpuset, tc.want)
		}
	}
}
