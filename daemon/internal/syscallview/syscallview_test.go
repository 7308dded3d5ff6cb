package syscallview

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"": "[]", "sysinfo": "[sysinfo]", "affinity,sysinfo": "[affinity sysinfo]",
		"sysinfo,sysinfo": "twice", "sysinfo,": `""`, "uname": `"uname"`, "sysinfo, affinity": `" affinity"`,
	} {
		features, err := Parse(text)
		if err != nil && strings.Contains(err.Error(), want) {
			continue
		}
		if got := fmt.Sprint(features); err != nil || got != want {
			t.Errorf("%q: %s, error %v; want %s", text, got, err, want)
		}
	}
}

// bpffs takes no dots, and two mounts must not share a directory.
func TestPinDir(t *testing.T) {
	seen := map[string]string{}
	for _, mount := range []string{"/var/lib/podview/view", "/var/lib/podview.view", "/var/lib/podview_2fview", "/var/lib/podview-view", "/ä"} {
		dir := PinDir("/bpf", mount)
		name := filepath.Base(dir)
		if filepath.Dir(dir) != "/bpf/podview" || strings.ContainsAny(name, "./") {
			t.Errorf("%s: %s", mount, dir)
		}
		if other, taken := seen[name]; taken {
			t.Errorf("%s and %s: both %s", mount, other, name)
		}
		seen[name] = mount
	}
}

func TestUnpinKeeps(t *testing.T) {
	dir := PinDir(t.TempDir(), "/view")
	left := func() (names []string) {
		found, _ := filepath.Glob(dir + "/*")
		for _, name := range found {
			names = append(names, filepath.Base(name))
		}
		return names
	}
	for _, f := range Features {
		if err := os.MkdirAll(filepath.Join(dir, string(f), "program"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := Unpin(dir, Affinity); err != nil || !slices.Equal(left(), []string{"affinity"}) {
		t.Errorf("left %q, error %v", left(), err)
	}
	for range 2 { // the second finds nothing
		if err := Unpin(dir); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(filepath.Dir(dir)); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", filepath.Dir(dir), err)
	}
}

func TestLockdownMode(t *testing.T) {
	for text, want := range map[string]string{
		"[none] integrity confidentiality\n": "none", "none [integrity] confidentiality\n": "integrity", "": "",
	} {
		if got := lockdownMode(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}
