package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/podview/podview/daemon/internal/host"
	"github.com/podview/podview/daemon/paths"
)

// A kernel without a rare file has every file; without another one it does not.
func TestAbsent(t *testing.T) {
	root := t.TempDir()
	for _, p := range paths.All {
		if p.Rare {
			continue
		}
		if err := os.MkdirAll(filepath.Join(root, p.Path), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c := &serveConfig{}
	c.root = host.Root{Proc: filepath.Join(root, "proc"), Sys: filepath.Join(root, "sys")}
	if err := errors.Join(absent(c), noVolume(c, false), noVolume(c, true)); err != nil {
		t.Error(err)
	}
	if err := os.Remove(filepath.Join(root, "/proc/swaps")); err != nil {
		t.Fatal(err)
	}
	if err := absent(c); err == nil || err.Error() != "this kernel lacks /proc/swaps, so the view has nothing in its place" {
		t.Error(err)
	}
	if err := noVolume(c, true); !errors.Is(err, errNoVolume) || !strings.Contains(err.Error(), "lacks /proc/swaps: ") {
		t.Error(err)
	}
	if err := noVolume(c, false); err != nil {
		t.Error(err)
	}
	// No policy's volume on every runtime.
	if err := os.Remove(filepath.Join(root, "/proc/pressure/cpu")); err != nil {
		t.Fatal(err)
	}
	if err := noVolume(c, true); strings.Contains(err.Error(), "pressure") {
		t.Error(err)
	}
	if err := os.Remove(filepath.Join(root, "/proc/stat")); err != nil {
		t.Fatal(err)
	}
	if err := noVolume(c, false); !errors.Is(err, errNoVolume) || !strings.Contains(err.Error(), "lacks /proc/stat: ") {
		t.Error(err)
	}
}
