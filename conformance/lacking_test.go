package conformance

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/podview/podview/daemon/paths"
)

// Kernels that lack a path which pods have a volume of.

// withoutPaths makes a host's /proc and /sys that lack some paths, as a kernel
// that was built without does.
func withoutPaths(t *testing.T, lacks ...string) (flags []string, proc string) {
	t.Helper()
	dir := t.TempDir()
	var farm func(at string)
	farm = func(at string) {
		if err := os.MkdirAll(dir+at, 0o755); err != nil {
			t.Fatal(err)
		}
		entries, err := os.ReadDir(at)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			name := filepath.Join(at, e.Name())
			switch {
			case slices.Contains(lacks, name):
			case slices.ContainsFunc(lacks, func(l string) bool { return strings.HasPrefix(l, name+"/") }):
				farm(name)
			default:
				if err := os.Symlink(name, dir+name); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	farm("/proc")
	farm("/sys")
	return []string{"--host-proc", dir + "/proc", "--host-sys", dir + "/sys"}, dir + "/proc"
}

// TestKernelLacksAPath: a pod finds its volumes, served or not, and nothing in
// them. doctor says so.
func TestKernelLacksAPath(t *testing.T) {
	needRoot(t)
	for _, lacks := range [][]string{
		{paths.NodeDir}, {"/proc/slabinfo"}, {"/proc/swaps"},
		{paths.NodeDir, "/proc/slabinfo", "/proc/swaps", "/proc/pressure"},
	} {
		t.Run(strings.Join(lacks, " "), func(t *testing.T) {
			flags, proc := withoutPaths(t, lacks...)
			n := &node{dir: filepath.Join(t.TempDir(), "view")}
			stdout, _, code := runHere(t, exec.Command(podviewBinary(t), append([]string{"doctor"}, flags...)...))
			if want := "UNFIT  hostPath volumes of the -optional policies: this kernel lacks "; code != 0 || !strings.Contains(stdout, want) || !strings.Contains(stdout, "fit    hostPath volumes for every cluster\n") {
				t.Errorf("doctor: exit code %d, no %q in\n%s", code, want, stdout)
			}
			s := serveOn(t, n.dir, append(flags, "--leave-mounted")...)
			served, got := newPod(t, n.dir)
			if got == waits {
				t.Fatal("with podview a new pod does not start")
			}
			hasThreads(t, proc, served)
			emptyIn(t, served, lacks)
			crash(t, s)
			makeLinks(t, n.dir, flags...)
			c, got := newPod(t, n.dir)
			if got != theHosts {
				t.Fatalf("without podview, a new pod: %s", got)
			}
			emptyIn(t, c, lacks)
			// The next kernel has them.
			makeLinks(t, n.dir)
			startsOnTheHost(t, n.dir)
		})
	}
}

// hasThreads gives such a /proc the threads of a container that has started
// since, and those that it may start.
func hasThreads(t *testing.T, proc string, c *container) {
	t.Helper()
	const more = 1000
	for tid := c.pid; tid < c.pid+more; tid++ {
		name := fmt.Sprint(tid)
		if err := os.Symlink("/proc/"+name, filepath.Join(proc, name)); err != nil && !errors.Is(err, fs.ErrExist) {
			t.Fatal(err)
		}
	}
}

// emptyIn: a path that the kernel lacks has nothing but a header.
func emptyIn(t *testing.T, c *container, lacks []string) {
	t.Helper()
	for _, p := range paths.All {
		if !p.Everywhere || !slices.Contains(lacks, p.Path) {
			continue
		}
		if p.Dir {
			var entries []Entry
			if c.call(t, "ReadDir", p.Path, &entries); len(entries) != 2 {
				t.Errorf("%s has %v", p.Path, entries)
			}
		} else if text := c.read(t, p.Path); text != p.Nothing {
			t.Errorf("%s has %q", p.Path, text)
		}
	}
}

// TestNoPlaceForAMount is why doctor calls a kernel that lacks a path unfit for
// volumes of it: a runtime makes what it mounts on, and there it cannot.
func TestNoPlaceForAMount(t *testing.T) {
	needRoot(t)
	for _, p := range paths.All {
		at := filepath.Join(filepath.Dir(p.Path), "podview-none")
		var err error
		if p.Dir {
			err = os.Mkdir(at, 0o755)
		} else {
			err = os.WriteFile(at, nil, 0o644)
		}
		if err == nil {
			t.Errorf("%s could be made", at)
			_ = os.Remove(at)
		}
	}
}
