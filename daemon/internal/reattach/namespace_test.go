package reattach

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// fakeNode is a procfs in which processes have other numbers.
func fakeNode(t *testing.T, processes map[string]string) (proc string) {
	t.Helper()
	proc = t.TempDir()
	for name, real := range processes {
		if err := os.Symlink("/proc/"+real, filepath.Join(proc, name)); err != nil {
			t.Fatal(err)
		}
	}
	return proc
}

// Processes are grouped by namespace; ours and those that have ended are left
// out, and what is not a process.
func TestScan(t *testing.T) {
	needRoot(t)
	a, b := startContainer(t, "a", spec{}, 0), startContainer(t, "b", spec{}, 0)
	proc := fakeNode(t, map[string]string{
		"self": "self", "1": "self", "meminfo": "meminfo",
		"20": fmt.Sprint(a.pid), "9": fmt.Sprint(b.pid), "100": fmt.Sprint(a.pid), "30": "4194304",
	})
	namespaces, err := scan(proc)
	if err != nil || len(namespaces) != 2 {
		t.Fatalf("%+v, %v", namespaces, err)
	}
	if got := namespaces[0].pids; !slices.Equal(got, []int{9}) {
		t.Errorf("%v", got)
	}
	if got := namespaces[1].pids; !slices.Equal(got, []int{20, 100}) {
		t.Errorf("%v", got)
	}
	if namespaces[0].inode == namespaces[1].inode || namespaces[0].inode == 0 {
		t.Errorf("%+v", namespaces)
	}
}

// When the first process of a namespace ends, the next one leads there.
func TestRepairAfterAnEnd(t *testing.T) {
	needRoot(t)
	a := startContainer(t, "a", spec{}, 0)
	config := Config{Proc: fakeNode(t, map[string]string{"20": fmt.Sprint(a.pid), "9": "4194304"}), DryRun: true}
	j := newJudge(host{}, "", config.Proc)
	if c, there := repair(namespace{pids: []int{9, 20}}, j, nil, config); !there || c.PID != 20 || c.Err() != nil {
		t.Errorf("%+v, %t", c, there)
	}
	if c, there := repair(namespace{pids: []int{9}}, j, nil, config); there {
		t.Errorf("all ended: %+v", c)
	}
}
