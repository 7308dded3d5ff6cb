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
	swaps    = paths.Path{Path: "/proc/swaps", Optional: true, Nothing: "no swap\n", Mode: 0o444}
	slabinfo = paths.Path{Path: "/proc/slabinfo", Optional: true, Nothing: "no slabs\n", Mode: 0o400}
	nodeDir  = paths.Path{Path: paths.NodeDir, Optional: true, Dir: true}
	irq      = paths.Path{Path: "/proc/pressure/irq", Rare: true}
)

func lacksNothing(paths.Path) bool    { return false }
func lacksEverything(paths.Path) bool { return true }

func TestMake(t *testing.T) {
	dir := t.TempDir()
	if found, err := Make(dir, []paths.Path{meminfo, pressure, cpuDir}, lacksNothing); found || err != nil {
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

	// Another version of podview, with another list. Pods that were made under
	// the first still name its paths.
	if found, err := Make(dir+"/", []paths.Path{meminfo, stat}, lacksNothing); !found || err != nil {
		t.Errorf("again: %t, %v", found, err)
	}
	want["proc/stat"] = "/proc/stat"
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
	found, err := Make(dir, []paths.Path{meminfo, stat, pressure}, lacksNothing)
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
	if _, err := Make(dir, []paths.Path{meminfo}, lacksNothing); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("no directory: %v", err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("made the mountpoint, which is not its business")
	}
}

// What the kernel lacks is found all the same, and nothing is in it.
func TestMakeStandIns(t *testing.T) {
	dir := t.TempDir()
	all := []paths.Path{meminfo, swaps, slabinfo, nodeDir, irq}
	for _, again := range []bool{false, true} {
		if found, err := Make(dir, all, lacksEverything); found != again || err != nil {
			t.Fatalf("%t, %v", found, err)
		}
		for _, p := range []paths.Path{swaps, slabinfo} {
			file := filepath.Join(dir, p.Path)
			text, err := os.ReadFile(file)
			info, _ := os.Lstat(file)
			if err != nil || string(text) != p.Nothing || uint32(info.Mode()) != p.Mode {
				t.Errorf("%s: %q, %v (%v)", p.Path, text, info, err)
			}
		}
		if names, err := os.ReadDir(filepath.Join(dir, nodeDir.Path)); err != nil || len(names) != 0 {
			t.Errorf("%s: %v, %v", nodeDir.Path, names, err)
		}
		// meminfo is not optional: whoever says that it is missing is wrong.
		want := map[string]string{"proc/meminfo": "/proc/meminfo", "proc/swaps": "", "proc/slabinfo": ""}
		if got := tree(t, dir); !maps.Equal(got, want) {
			t.Errorf("made %v, want %v", got, want)
		}
	}
}

// After a reboot the kernel may be another one.
func TestMakeOnAnotherKernel(t *testing.T) {
	dir := t.TempDir()
	all := []paths.Path{swaps, slabinfo, nodeDir}
	links := map[string]string{"proc/swaps": "/proc/swaps", "proc/slabinfo": "/proc/slabinfo", "sys/devices/system/node": paths.NodeDir}
	standIns := map[string]string{"proc/swaps": "", "proc/slabinfo": ""}
	for _, step := range []struct {
		lacks func(paths.Path) bool
		want  map[string]string
	}{{lacksEverything, standIns}, {lacksNothing, links}, {lacksEverything, standIns}, {lacksNothing, links}} {
		if _, err := Make(dir, all, step.lacks); err != nil {
			t.Fatal(err)
		}
		if got := tree(t, dir); !maps.Equal(got, step.want) {
			t.Errorf("%v, want %v", got, step.want)
		}
	}
}

// Somebody's own file or directory is not taken for a stand-in.
func TestMakeKeepsWhatIsNoStandIn(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, nodeDir.Path, "node0"), 0o755))
	must(t, os.MkdirAll(filepath.Join(dir, "proc/slabinfo"), 0o755)) // a directory for a file
	must(t, os.WriteFile(filepath.Join(dir, "proc/swaps"), []byte("mine"), 0o644))
	before := tree(t, dir)
	for _, lacks := range []func(paths.Path) bool{lacksEverything, lacksNothing} {
		_, err := Make(dir, []paths.Path{swaps, slabinfo, nodeDir}, lacks)
		for _, p := range []paths.Path{swaps, slabinfo, nodeDir} {
			if err == nil || !strings.Contains(err.Error(), filepath.Join(dir, p.Path)+" is in the way") {
				t.Errorf("%s is in the way: %v", p.Path, err)
			}
		}
	}
	if got := tree(t, dir); !maps.Equal(got, before) {
		t.Errorf("%v, want %v", got, before)
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
