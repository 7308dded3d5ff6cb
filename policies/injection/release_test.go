package injection

import (
	"os"
	"testing"

	"sigs.k8s.io/yaml"
)

func TestApart(t *testing.T) {
	for name, test := range map[string]struct {
		releases []Release
		want     string
	}{
		"the first one": {[]Release{{"v1", []string{"a"}, []string{"a"}}}, ""},
		"served first, then mounted": {[]Release{
			{"v1", []string{"a"}, []string{"a"}}, {"v2", []string{"a", "b"}, []string{"a"}}, {"v3", []string{"a", "b"}, []string{"a", "b"}},
		}, ""},
		"both at once": {[]Release{
			{"v1", []string{"a"}, []string{"a"}}, {"v2", []string{"a", "b"}, []string{"a", "b"}},
		}, "policies v2 mount b, which daemon v1 does not serve"},
		"first not mounted, then not served": {[]Release{
			{"v1", []string{"a", "b"}, []string{"a", "b"}}, {"v2", []string{"a", "b"}, []string{"a"}}, {"v3", []string{"a"}, []string{"a"}},
		}, ""},
		"gone at once": {[]Release{
			{"v1", []string{"a", "b"}, []string{"a", "b"}}, {"v2", []string{"a"}, []string{"a"}},
		}, "policies v1 mount b, which daemon v2 does not serve"},
		"mounted, not served": {[]Release{{"v1", []string{"a"}, []string{"a", "b"}}}, "policies v1 mount b, which daemon v1 does not serve"},
	} {
		have := ""
		if err := Apart(test.releases); err != nil {
			have = err.Error()
		}
		if have != test.want {
			t.Errorf("%s: have %q, want %q", name, have, test.want)
		}
	}
}

// A path is served one release before it is mounted, and for one after.
func TestReleasesApart(t *testing.T) {
	text, err := os.ReadFile("../releases.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var releases []Release
	if err := yaml.UnmarshalStrict(text, &releases); err != nil || len(releases) == 0 {
		t.Fatal(len(releases), err)
	}
	if err := Apart(releases); err != nil {
		t.Error(err)
	}
}
