package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/podview/podview/daemon/internal/host"
)

func TestParse(t *testing.T) {
	c, _, ok := parse([]string{"--mount=/srv/view/", "--namespaces=a, b,,c", "--runtime-handlers=crun,nvidia", "--pressure", "--time-namespace"})
	if !ok || c.Rules.View != "/srv/view" || !slices.Equal(c.Rules.Namespaces, []string{"a", "b", "c"}) ||
		!slices.Equal(c.Rules.Handlers, []string{"crun", "nvidia"}) || !c.Rules.Pressure || !c.TimeNamespace {
		t.Errorf("%+v, %t", c, ok)
	}
	if c, _, ok := parse(nil); !ok || c.Rules.View != "/var/lib/podview/view" || c.Rules.Pressure || c.TimeNamespace || len(c.Rules.Namespaces) != 0 || !slices.Equal(c.Rules.Handlers, []string{"crun", "nvidia", "nvidia-cdi", "nvidia-legacy"}) {
		t.Errorf("without flags: %+v, %t", c, ok)
	}
	for _, args := range [][]string{{"--mount=view"}, {"--mount="}, {"--socket="}, {"more"}, {"--none"}} {
		if _, code, ok := parse(args); ok || code != exitUsage {
			t.Errorf("%q: %t, exit code %d", args, ok, code)
		}
	}
}

// What is no view is none, and no error.
func TestViewOnNothing(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "none"), filepath.Join(dir, "none", "view"), "/proc"} {
		if superblock, err := viewOn(path); superblock != "" || err != nil {
			t.Errorf("%s: %q, %v", path, superblock, err)
		}
	}
	kernel := host.Root{Proc: "/proc", Sys: "/sys"}
	if has, err := pathsIn(dir, kernel); err == nil {
		t.Errorf("an empty directory has %q", has)
	}
	if err := os.MkdirAll(filepath.Join(dir, "proc/stat"), 0o755); err != nil {
		t.Fatal(err)
	}
	if has, err := pathsIn(dir, kernel); err != nil || !slices.Equal(has, []string{"/proc/stat"}) {
		t.Errorf("one with a name has %q, %v", has, err)
	}
}

// The view has what this kernel lacks; no runtime could mount it anywhere.
func TestPathsOfTheKernel(t *testing.T) {
	dir, proc := t.TempDir(), t.TempDir()
	for _, file := range []string{dir + "/proc/stat", dir + "/proc/swaps", proc + "/stat"} {
		if err := os.MkdirAll(file, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if has, err := pathsIn(dir, host.Root{Proc: proc, Sys: "/sys"}); err != nil || !slices.Equal(has, []string{"/proc/stat"}) {
		t.Errorf("%q, %v", has, err)
	}
}
