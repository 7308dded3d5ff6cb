package holder

import "testing"

func TestProgress(t *testing.T) {
	type look struct {
		waiting  bool
		answered uint64
	}
	repeat := func(n int, l look) (all []look) {
		for range n {
			all = append(all, l)
		}
		return all
	}
	for name, test := range map[string]struct {
		looks []look
		hung  bool
	}{
		"idle":                      {repeat(100, look{false, 7}), false},
		"hangs":                     {append([]look{{false, 7}}, repeat(hungLooks, look{true, 7})...), true},
		"not for long":              {append([]look{{false, 7}}, repeat(hungLooks-1, look{true, 7})...), false},
		"slow, but goes on":         {append(append([]look{{false, 7}}, repeat(hungLooks-1, look{true, 7})...), look{true, 8}), false},
		"everything was answered":   {append(append([]look{{false, 7}}, repeat(hungLooks-1, look{true, 7})...), look{false, 7}, look{true, 7}), false},
		"a new worker, a new count": {append([]look{{true, 7}}, repeat(hungLooks-1, look{true, 7})...), false},
	} {
		var p progress
		var hung bool
		for _, l := range test.looks {
			hung, _ = p.look(l.waiting, l.answered)
		}
		if hung != test.hung {
			t.Errorf("%s: hung is %t", name, hung)
		}
	}
}
