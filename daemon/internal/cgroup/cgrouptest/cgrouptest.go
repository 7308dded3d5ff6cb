// Package cgrouptest makes directories that look like cgroup hierarchies.
package cgrouptest

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/cgroup/tree"
	"github.com/podview/podview/daemon/internal/host"
)

// Dir writes files, by their path, into a new directory and returns it. A
// path that ends in "/" becomes a directory: one with a file's name is a file
// that can't be read, for root too.
func Dir(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		full := filepath.Join(dir, name)
		parent := filepath.Dir(full)
		if strings.HasSuffix(name, "/") {
			parent = full
		}
		if err := os.MkdirAll(parent, 0o755); err != nil {
			t.Fatal(err)
		}
		if parent == full {
			continue
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Archive is Dir for the files in a txtar archive.
func Archive(t testing.TB, file string) string {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range archive.Files {
		files[f.Name] = string(f.Data)
	}
	return Dir(t, files)
}

// With returns base with some files changed; the text "-" takes one away.
func With(base, changes map[string]string) map[string]string {
	all := maps.Clone(base)
	for name, text := range changes {
		if all[name] = text; text == "-" {
			delete(all, name)
		}
	}
	return all
}

// WantMalformed wants an error that names the file and quotes a part of its
// text.
func WantMalformed(t testing.TB, err error, file, text string) {
	t.Helper()
	var malformed *cgroup.Error
	if !errors.As(err, &malformed) || malformed.File != file || !strings.Contains(text, malformed.Text) {
		t.Errorf("%s with %q: got error %v", file, text, err)
	}
}

// Files keeps files as podview does, with nothing in it yet.
func Files() *tree.Files { return tree.NewFiles(host.NewKept(1000), 10*time.Millisecond) }

// Memory is all that a source tells of a place's memory.
func Memory(s cgroup.Source, p cgroup.Place, noSwap bool, m *cgroup.Memory) error {
	if err := s.MemoryLimit(p, noSwap, &m.MemoryLimit); err != nil {
		return err
	}
	return s.MemoryUsage(p, noSwap, m)
}
