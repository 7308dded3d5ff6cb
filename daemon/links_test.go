package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/podview/podview/daemon/internal/host"
	"github.com/podview/podview/daemon/paths"
)

func TestLastFlag(t *testing.T) {
	for _, test := range []struct {
		args  []string
		value string
		ok    bool
	}{
		{nil, "", false},
		{[]string{"--mount=/a"}, "/a", true},
		{[]string{"-mount=/a"}, "/a", true},
		{[]string{"--mount", "/a"}, "/a", true},
		{[]string{"--mount=/a", "--new-flag", "--mount", "/b"}, "/b", true},
		{[]string{"--mount="}, "", true},
		{[]string{"--mount"}, "", false},
		{[]string{"--mounts=/a", "mount=/a", "mount", "/a", "--", "-"}, "", false},
	} {
		if value, ok := lastFlag(test.args, "mount"); value != test.value || ok != test.ok {
			t.Errorf("%q: %q, %t", test.args, value, ok)
		}
	}
}

// What serve does not take makes no links where it was told to make none.
func TestBeforeRefusal(t *testing.T) {
	for name, test := range map[string]struct {
		more []string
		want bool
	}{
		"a flag of the future": {[]string{"--of-the-future"}, true},
		"no links":             {[]string{"--of-the-future", "--fail-open=false"}, false},
	} {
		mount := filepath.Join(t.TempDir(), "view")
		beforeRefusal(append(test.more, "--mount", mount))
		if target, _ := os.Readlink(mount + "/proc/meminfo"); (target == "/proc/meminfo") != test.want {
			t.Errorf("%s: a link to %q", name, target)
		}
	}
}

// Where a flag is wrong every file is missing; that is not the kernel's doing.
func TestLacks(t *testing.T) {
	swaps := paths.Path{Path: "/proc/swaps", Optional: true}
	root := host.Root{Proc: t.TempDir(), Sys: t.TempDir()}
	if lacks(root, swaps) {
		t.Error("without a /proc")
	}
	if err := os.WriteFile(root.Proc+"/stat", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if !lacks(root, swaps) {
		t.Error("a /proc without the file")
	}
	if err := os.Symlink("/dev/null", root.Proc+"/swaps"); err != nil {
		t.Fatal(err)
	}
	if !lacks(root, swaps) {
		t.Error("a /proc with the file hidden")
	}
	if lacks(root, paths.Path{Path: paths.NodeDir}) {
		t.Error("without a /sys")
	}
}
