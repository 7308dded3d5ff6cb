package tree_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/podview/podview/daemon/internal/cgroup/cgrouptest"
	"github.com/podview/podview/daemon/internal/cgroup/tree"
)

func TestTooManyCgroups(t *testing.T) {
	dir := t.TempDir()
	const justTooMany = 10_001
	for i := range justTooMany {
		if err := os.MkdirAll(filepath.Join(dir, "ctr", fmt.Sprint(i)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "ctr/cgroup.procs"), []byte("7\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if pids, err := tree.New(dir, cgrouptest.Files()).List("/ctr", "cgroup.procs", nil); err == nil || !strings.Contains(err.Error(), "/ctr") {
		t.Errorf("%d pids, %v; want an error that names the cgroup", len(pids), err)
	}
}
