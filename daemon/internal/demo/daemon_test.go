package demo

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestIsMountpoint(t *testing.T) {
	const mountinfo = `26 1 254:0 / / rw,relatime - ext4 /dev/vda rw
50 26 0:40 /tmp/root /srv rw - ext4 /dev/vda rw
51 26 0:43 / /tmp/demo/view ro,nosuid - fuse.podview podview ro
52 26 0:44 / /tmp/with\040space\134x ro - fuse.podview podview ro
short line
`
	for dir, want := range map[string]bool{
		"/":                   true,
		"/tmp/demo/view":      true,
		"/tmp/demo":           false,
		"/tmp/demo/view/proc": false,
		"/tmp/root":           false, // what is mounted, not where
		`/tmp/with space\x`:   true,
		"line":                false,
	} {
		if got := isMountpoint(mountinfo, dir); got != want {
			t.Errorf("isMountpoint(%q) = %t", dir, got)
		}
	}
}

func TestCheckView(t *testing.T) {
	tree, unmounted := t.TempDir(), t.TempDir()
	write(t, tree+"/proc/meminfo")
	if err := os.Mkdir(unmounted+"/proc", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/proc/meminfo", unmounted+"/proc/meminfo"); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Dir(tree))
	if got, err := checkView(filepath.Base(tree)); err != nil || got != tree {
		t.Errorf("checkView of a relative path = %q, %v; want %q", got, err, tree)
	}
	for _, dir := range []string{unmounted, "/nosuch"} {
		if got, err := checkView(dir); err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("checkView(%q) = %q, error %v; want an error that names it", dir, got, err)
		}
	}
}

func TestStopRemovesThePlace(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	d, err := newDaemon("")
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(d.view); err != nil || !info.IsDir() {
		t.Fatalf("no mountpoint: %v", err)
	}
	for range 2 { // as after a start that failed half-way, and again
		if err := d.stop(); err != nil {
			t.Error(err)
		}
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
