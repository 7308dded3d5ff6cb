package render

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/podview/podview/daemon/paths"
)

var (
	hostPath = regexp.MustCompile(`/var/lib/podview/view(/(?:proc|sys)/[a-z0-9_/]+)`)
	anyPath  = regexp.MustCompile(`/(?:proc|sys)/[a-z0-9_/]+`)
)

// mounted is what the policies mount, by the end of the component's name. The
// first is for pods of any kernel: what some lack is a pod that never starts.
var mounted = map[string][]string{
	"":          {"/proc/cpuinfo", "/proc/diskstats", "/proc/loadavg", "/proc/meminfo", "/proc/stat", "/proc/uptime", "/sys/devices/system/cpu"},
	"-optional": {"/proc/slabinfo", "/proc/swaps", "/sys/devices/system/node"},
	"-pressure": {"/proc/pressure/cpu", "/proc/pressure/io", "/proc/pressure/memory"},
}

// A policy mounts exactly that, and nothing that the daemon does not serve.
func TestPolicyPaths(t *testing.T) {
	for _, target := range targets(t) {
		if !strings.HasPrefix(target, "kustomize/components/policy-") {
			continue
		}
		want := mounted[""]
		for suffix, paths := range mounted {
			if suffix != "" && strings.HasSuffix(target, suffix) {
				want = paths
			}
		}
		for _, d := range mustDocuments(t, build(t, repository, target)) {
			checkPolicyPaths(t, d, want)
		}
	}
}

func checkPolicyPaths(t *testing.T, d document, want []string) {
	t.Helper()
	text := string(d.text)
	for _, p := range anyPath.FindAllString(text, -1) {
		p = strings.TrimSuffix(p, "/")
		if !slices.ContainsFunc(paths.All, func(known paths.Path) bool { return known.Path == p || within(known.Path, p) }) {
			t.Errorf("%s names %s, which the daemon does not serve", d, p)
		}
	}
	if hostPath.FindString(text) == "" && strings.Contains(text, "labels/podview.dev~1inject") { // labels, no volumes
		return
	}
	if !strings.HasPrefix(d.object.GetName(), "podview-inject") || strings.HasSuffix(d.object.GetKind(), "Binding") {
		return
	}
	var got []string
	for _, m := range hostPath.FindAllStringSubmatch(text, -1) {
		got = append(got, m[1])
	}
	slices.Sort(got)
	got = slices.Compact(got)
	// A policy for ephemeral containers mounts volumes that are there.
	if strings.HasSuffix(d.object.GetName(), "-ephemeral") && len(got) == 0 {
		return
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s has the volumes %q, not %q", d, got, want)
	}
}

// within tells whether a path is in dir.
func within(p, dir string) bool {
	for ; p != "/"; p = path.Dir(p) {
		if p == dir {
			return true
		}
	}
	return false
}
