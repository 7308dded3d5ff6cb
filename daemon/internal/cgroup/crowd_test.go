package cgroup

import (
	"fmt"
	"testing"
)

func TestCrowd(t *testing.T) {
	many := func(n int, format string) (paths []string) {
		for i := range n {
			paths = append(paths, fmt.Sprintf(format, i))
		}
		return paths
	}
	for name, tc := range map[string]struct {
		paths []string
		want  string
	}{
		"none":                 {nil, ""},
		"one":                  {[]string{"/a/b"}, ""},
		"the same":             {[]string{"/a/b", "/a/b", "/a/b"}, "/a/b"},
		"each its own":         {many(16, "/%d/c"), ""},
		"pods of one":          {many(16, "/kubepods/pod%d/c"), "/kubepods"},
		"in one container":     {append(many(9, "/kubepods/pod/c/%d"), many(7, "/kubepods/pod%d/c")...), "/kubepods/pod/c"},
		"deeper":               {append(many(9, "/kubepods/pod/c/x/y/%d"), many(7, "/kubepods/pod%d/c")...), "/kubepods/pod/c/x/y"},
		"names alike":          {[]string{"/a", "/ab", "/abc"}, ""},
		"it and what is in it": {[]string{"/a", "/a/b", "/a/c", "/b"}, "/a"},
		"too few":              {append(many(3, "/kubepods/pod/c/%d"), many(13, "/kubepods/pod%d/c")...), "/kubepods"},
	} {
		if got := Crowd(tc.paths, 4); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}
