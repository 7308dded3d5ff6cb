package main

import (
	"os"
	"path/filepath"
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
	if err := absent(c); err != nil {
		t.Error(err)
	}
	if err := os.Remove(filepath.Join(root, "/proc/swaps")); err != nil {
		t.Fatal(err)
	}
	if err := absent(c); err == nil || err.Error() != "this kernel lacks /proc/swaps, so the view does too" {
		t.Error(err)
	}
}
