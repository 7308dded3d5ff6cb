package cgroups

import (
	"os"
	"path/filepath"
	"testing"
)

// TestV2Files: which files of cgroup v2 are written, in a directory that is
// none.
func TestV2Files(t *testing.T) {
	root := t.TempDir()
	m := &Machine{v1: map[string]string{}, unified: root, all: []string{root}}
	r := m.NewRun(1)
	if err := r.Favour(); err != nil {
		t.Fatal(err)
	}
	c, err := r.Container(0, Limits{MemoryMiB: 100, MilliCPU: 1500})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Add(77); err != nil {
		t.Fatal(err)
	}
	account, err := r.Account("x")
	if err != nil {
		t.Fatal(err)
	}
	ctr := c.dirs[0]
	for file, want := range map[string]string{
		"memory.max": "104857600", "cpu.max": "150000 100000", "cgroup.procs": "77",
		"../memory.max": "138412032", "../cpu.max": "150000 100000", "../../../cpu.weight": "",
		// A cgroup has what its parent hands down, and one with processes hands
		// nothing down.
		"../cgroup.subtree_control":          "+cpu +memory +cpuset +io +pids",
		"../../../../cgroup.subtree_control": "+cpu +memory +cpuset +io +pids",
	} {
		text, err := os.ReadFile(filepath.Join(ctr, file))
		if err != nil || want != "" && string(text) != want {
			t.Errorf("%s: %q, %v; want %q", file, text, err, want)
		}
	}
	if _, err := os.Stat(filepath.Join(ctr, "cgroup.subtree_control")); err == nil {
		t.Error("the container's own cgroup hands controllers down")
	}

	if err := write(account.dir, "cpu.stat", "usage_usec 1234\nuser_usec 1000\n"); err != nil {
		t.Fatal(err)
	}
	if used, err := account.CPUNsec(); err != nil || used != 1_234_000 {
		t.Errorf("%d ns, %v; want 1234000", used, err)
	}
	if err := write(account.dir, "cpu.stat", "user_usec 1000\n"); err != nil {
		t.Fatal(err)
	}
	if used, err := account.CPUNsec(); err == nil {
		t.Errorf("%d ns without usage_usec", used)
	}
}
