package failopen

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/podview/podview/daemon/paths"
)

var (
	meminfo  = paths.Path{Path: "/proc/meminfo"}
	stat     = paths.Path{Path: "/proc/stat"}
	pressure = paths.Path{Path: "/proc/pressure/cpu"}
	cpuDir   = paths.Path{Path: paths.CPUDir, Dir: true}
)

func TestMake(t *testing.T) {
	dir := t.TempDir()
	if found, err := Make(dir, []paths.Path{meminfo, pressure, cpuDir}); found || err != nil {
		t.Fatalf("an empty directory: %t, %v", found, err)
	}
	want := map[string]string{
		"proc/meminfo":           "/proc/meminfo",
		"proc/pressure/cpu":      "/proc/pressure/cpu",
		"sys/devices/system/cpu": "/sys/devices/system/cpu",
	}
	if got := tree(t, dir); !maps.Equal(got, want) {
		t.Errorf("made %v, want %v", got, want)
	}
	before, err := os.Lstat(filepath.Join(dir, "proc/meminfo"))
	if err != nil {
		t.Fatal(err)
	}

	// Another version of podview, with another list.
	if found, err := Make(dir+"/", []paths.Path{meminfo, stat}); !found || err != nil {
		t.Errorf("again: %t, %v", found, err)
	}
	want = map[string]string{"proc/meminfo": "/proc/meminfo", "proc/stat": "/proc/stat"}
	if got := tree(t, dir); !maps.Equal(got, want) {
		t.Errorf("made %v, want %v", got, want)
	}
	if after, err := os.Lstat(filepath.Join(dir, "proc/meminfo")); err != nil || !os.SameFile(before, after) {
		t.Errorf("a link that was right was made again (%v)", err)
	}
}

// What is not ours stays, and doesn't keep the other links from being made.
func TestMakeLeavesOthersAlone(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "proc/stat"), 0o755)) // a runtime makes one where hostPath has no type
	must(t, os.WriteFile(filepath.Join(dir, "notes"), []byte("mine"), 0o644))
	must(t, os.Symlink("/proc/meminfo", filepath.Join(dir, "link")))
	must(t, os.Symlink("/elsewhere", filepath.Join(dir, "proc/meminfo")))
	found, err := Make(dir, []paths.Path{meminfo, stat, pressure})
	if found {
		t.Error("took somebody else's links for ours")
	}
	for _, name := range []string{"proc/meminfo", "proc/stat"} {
		if err == nil || !strings.Contains(err.Error(), filepath.Join(dir, name)) {
			t.Errorf("%s is in the way: %v", name, err)
		}
	}
	want := map[string]string{
		"notes": "", "link": "/proc/meminfo", "proc/meminfo": "/elsewhere",
		"proc/pressure/cpu": "/proc/pressure/cpu",
	}
	if got := tree(t, dir); !maps.Equal(got, want) {
		t.Errorf("left %v, want %v", got, want)
	}
	if info, err := os.Stat(filepath.Join(dir, "proc/stat")); err != nil || !info.IsDir() {
		t.Errorf("the directory in the way is gone (%v)", err)
	}
}

func TestMakeNoDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none")
	if _, err := Make(dir, []paths.Path{meminfo}); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("no directory: %v", err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("made the mountpoint, which is not its business")
	}
}

// tree is everything below dir that is no directory, with links' targets.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	must(t, filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, _ := filepath.Rel(dir, file)
		found[name], _ = os.Readlink(file)
		return nil
	}))
	return found
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
