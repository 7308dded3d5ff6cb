package tree_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/cgroup/cgrouptest"
	"github.com/podview/podview/daemon/internal/cgroup/tree"
)

func TestPathsThatLeaveTheTree(t *testing.T) {
	tr := tree.New(cgrouptest.Dir(t, map[string]string{"f": "1\n", "a/f": "1\n", "cgroup.procs": "", "a/cgroup.procs": ""}), cgrouptest.Files())
	methods := map[string]func(path string) error{
		"ID":   func(path string) error { _, err := tr.ID(path, "f"); return err },
		"Read": func(path string) error { return tr.Read(path, "f", func([]byte) error { return nil }) },
		"Up": func(path string) error {
			return tr.Up(path, "f", func(tree.Level, []byte) (bool, error) { return true, nil })
		},
		"CPUs": func(path string) error { _, err := tr.CPUs(path, "f", nil); return err },
		"List": func(path string) error { _, err := tr.List(path, "cgroup.procs", nil); return err },
	}
	for name, method := range methods {
		for _, path := range []string{"", "a", "..", "/..", "/../a", "/a/..", "/a/../a"} {
			var malformed *cgroup.Error
			if err := method(path); !errors.As(err, &malformed) || malformed.Text != path {
				t.Errorf("%s of %q: got error %v", name, path, err)
			}
		}
		for _, path := range []string{"/", "/a"} {
			if err := method(path); err != nil {
				t.Errorf("%s of %q: %v", name, path, err)
			}
		}
	}
	// Two dots within a name are only a name.
	if _, err := tr.ID("/a..b", "f"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("/a..b: got error %v", err)
	}
}

func TestNotMounted(t *testing.T) {
	var none *tree.Tree
	_, err := none.ID("/", "f")
	_, errCPUs := none.CPUs("/", "f", nil)
	_, errProcesses := none.List("/", "cgroup.procs", nil)
	errUp := none.Up("/", "f", nil)
	for _, err := range []error{err, errCPUs, errProcesses, errUp, none.Read("/", "f", nil)} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got error %v", err)
		}
	}
}

func TestUp(t *testing.T) {
	dir := cgrouptest.Dir(t, map[string]string{
		"f": "root", "a/f": "1", "a/b/other": "", "a/b/c/f": "3", "a/b/c/d/": "", "unreadable/f/": "",
	})
	tr := tree.New(dir, cgrouptest.Files())
	for name, test := range map[string]struct {
		path, stopAt string
		want         string
	}{
		"all levels but the root":      {path: "/a/b/c", want: "/a/b/c=3 /a=1"},
		"no such file in the first":    {path: "/a/b/c/d", want: "/a/b/c=3 /a=1"},
		"stops":                        {path: "/a/b/c", stopAt: "/a/b/c", want: "/a/b/c=3"},
		"the root has no limits":       {path: "/"},
		"doubled and trailing slashes": {path: "/a//b/", want: "/a=1"},
	} {
		var got []string
		err := tr.Up(test.path, "f", func(level tree.Level, text []byte) (bool, error) {
			got = append(got, fmt.Sprintf("%s=%s", strings.TrimRight(level.Path, "/"), text))
			return level.Path != test.stopAt, nil
		})
		if err != nil || strings.Join(slices.Compact(got), " ") != test.want {
			t.Errorf("%s: got %q, error %v, want %q", name, got, err, test.want)
		}
	}
	none := func(tree.Level, []byte) (bool, error) { return true, nil }
	if err := tr.Up("/a/gone", "f", none); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removed cgroup: got error %v", err)
	}
	if err := tr.Up("/unreadable", "f", none); !errors.Is(err, unix.EISDIR) {
		t.Errorf("unreadable file: got error %v", err)
	}
	err := tr.Up("/a/b/c", "f", func(tree.Level, []byte) (bool, error) { return true, cgroup.Malformed([]byte("bad")) })
	if want := dir + `/a/b/c/f: malformed: "bad"`; err == nil || err.Error() != want {
		t.Errorf("malformed: got error %v, want %s", err, want)
	}
	// A second file that visit misses is not the first one missing.
	err = tr.Up("/a", "f", func(tree.Level, []byte) (bool, error) {
		return true, tr.Read("/a", "second", func([]byte) error { return nil })
	})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing second file: got error %v", err)
	}
}

func TestCPUs(t *testing.T) {
	tr := tree.New(cgrouptest.Dir(t, map[string]string{
		"cpus": "0-7\n", "a/cpus": "2-3\n", "a/empty/cpus": "\n", "a/absent/": "", "top/cpus": "\n", "bad/cpus": "3-1\n",
	}), cgrouptest.Files())
	for path, want := range map[string][]int{
		"/a":        {2, 3},
		"/a/empty":  {2, 3},
		"/a/absent": {2, 3},
		"/top":      {0, 1, 2, 3, 4, 5, 6, 7},
		"/":         {0, 1, 2, 3, 4, 5, 6, 7},
	} {
		if got, err := tr.CPUs(path, "cpus", []int{9}); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %v, error %v, want %v", path, got, err, want)
		}
	}
	if got, err := tr.CPUs("/a", "none", []int{9}); err != nil || len(got) != 0 {
		t.Errorf("no cpuset: got %v, error %v", got, err)
	}
	if _, err := tr.CPUs("/a/gone", "cpus", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removed cgroup: got error %v", err)
	}
	var malformed *cgroup.Error
	if _, err := tr.CPUs("/bad", "cpus", nil); !errors.As(err, &malformed) {
		t.Errorf("malformed: got error %v", err)
	}
}

func TestProcesses(t *testing.T) {
	tr := tree.New(cgrouptest.Dir(t, map[string]string{
		"cgroup.procs": "1\n", "a/cgroup.procs": "10\n0\n", "a/b/cgroup.procs": "20\n21\n", "a/b/c/cgroup.procs": "30\n",
		"a/going/": "", "bad/in/cgroup.procs": "x\n", "bad/cgroup.procs": "", "locked/cgroup.procs/": "",
	}), cgrouptest.Files())
	for path, want := range map[string][]int{"/": nil, "/a": {5, 10, 20, 21, 30}, "/a/b/c": {5, 30}} {
		got, err := tr.List(path, "cgroup.procs", []int{5})
		slices.Sort(got)
		if path == "/" {
			if err == nil {
				t.Error("/: no error, although cgroups in it are malformed")
			}
		} else if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %v, error %v, want %v", path, got, err, want)
		}
	}
	if _, err := tr.List("/gone", "cgroup.procs", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removed cgroup: got error %v", err)
	}
	if _, err := tr.List("/locked", "cgroup.procs", nil); !errors.Is(err, unix.EISDIR) {
		t.Errorf("unreadable: got error %v", err)
	}
}

// A threaded cgroup has no processes of its own; only a real kernel refuses
// to list them.
func TestThreadedCgroup(t *testing.T) {
	mounts := []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}
	i := slices.IndexFunc(mounts, func(dir string) bool {
		var st unix.Statfs_t
		return unix.Statfs(dir, &st) == nil && st.Type == unix.CGROUP2_SUPER_MAGIC
	})
	if i < 0 || os.Getuid() != 0 {
		t.Skip("needs root and a cgroup2")
	}
	mount := mounts[i]
	name := fmt.Sprintf("/podview-test-%d", os.Getpid())
	threaded := filepath.Join(mount, name, "threads")
	for _, dir := range []string{filepath.Dir(threaded), threaded} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := os.Remove(dir); err != nil {
				t.Error(err)
			}
		})
	}
	if err := os.WriteFile(filepath.Join(threaded, "cgroup.type"), []byte("threaded"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile(filepath.Join(threaded, "cgroup.procs")); !errors.Is(err, unix.EOPNOTSUPP) {
		t.Fatalf("the kernel should refuse cgroup.procs, but: %v", err)
	}
	if got, err := tree.New(mount, cgrouptest.Files()).List(name, "cgroup.procs", nil); err != nil || len(got) != 0 {
		t.Errorf("got %v, error %v", got, err)
	}
}

func TestID(t *testing.T) {
	tr := tree.New(cgrouptest.Dir(t, map[string]string{"a/": "", "b/": ""}), cgrouptest.Files())
	a, errA := tr.ID("/a", "f")
	b, errB := tr.ID("/b", "f")
	if errA != nil || errB != nil || a == 0 || a == b {
		t.Errorf("got %d and %d, errors %v, %v", a, b, errA, errB)
	}
}
