package e2e

import "testing"

// The probe's files must agree, or a pod with one wrong file would pass.
func TestParseProbe(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       view
		ok         bool
	}{
		{"one CPU", "65536\n1\n1\n1\n0\n", view{65536, 1}, true},
		{"four CPUs", "24683656\n4\n4\n4\n0-3\n", view{24683656, 4}, true},
		{"one that is not the first", "65536\n1\n1\n1\n7\n", view{65536, 1}, true},
		{"apart", "65536\n3\n3\n3\n1,4-5\n", view{65536, 3}, true},
		{"the node's stat", "65536\n1\n2\n1\n0\n", view{}, false},
		{"the node's topology", "65536\n1\n1\n2\n0\n", view{}, false},
		{"the node's online", "65536\n1\n1\n1\n0-1\n", view{}, false},
		{"no meminfo", "1\n1\n1\n0\n", view{}, false},
		{"an error in between", "65536\ncat: error\n1\n1\n0\n", view{}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := parseProbe(test.text)
			if got != test.want || (err == nil) != test.ok {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}
