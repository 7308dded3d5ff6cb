package demo

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"syscall"
	"testing"

	"github.com/podview/podview/daemon/paths"
)

func write(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestBinds(t *testing.T) {
	view, root := t.TempDir(), t.TempDir()
	all := []paths.Path{{Path: "/proc/both"}, {Path: "/proc/kernel"}, {Path: "/proc/pressure/view"}, {Path: "/sys/dir", Dir: true}}
	for _, path := range []string{view + "/proc/both", view + "/proc/pressure/view", view + "/sys/dir/x",
		root + "/proc/both", root + "/proc/kernel", root + "/sys/dir/x"} {
		write(t, path)
	}
	want := []bind{{view + "/proc/both", root + "/proc/both"}, {view + "/sys/dir", root + "/sys/dir"}}
	if got, err := binds(view, root, all); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("binds = %q, %v; want %q", got, err, want)
	}

	// Not to be taken for a view that lacks the file.
	write(t, view+"/file")
	if got, err := binds(view+"/file", root, all); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("binds of a view that cannot be read = %q, %v; want ENOTDIR", got, err)
	}
}

func TestBecomeCode(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	write(t, dir+"/program") // empty: neither a binary nor a script
	if err := os.WriteFile(dir+"/data", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/orphan", []byte("#!"+dir+"/gone\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for command, want := range map[string]int{
		"nosuch":        exitNotFound,
		dir + "/nosuch": exitNotFound,
		"data":          exitNotFound, // not a candidate of PATH's
		dir + "/data":   exitNotExecutable,
		dir:             exitNotExecutable,
		"program":       exitNotExecutable,
		"orphan":        exitNotFound, // its interpreter
	} {
		err := become([]string{command})
		if err == nil {
			t.Fatalf("become(%q) gives no error", command)
		}
		if got := becomeCode(err); got != want {
			t.Errorf("become(%q): %v is exit code %d, want %d", command, err, got, want)
		}
	}
}
