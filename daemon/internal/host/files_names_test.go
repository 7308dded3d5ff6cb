package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"
)

// Names that a container makes very long are read, and not kept.
func TestLongPathsAreNotKept(t *testing.T) {
	kept, dir := NewKept(10), t.TempDir()
	for len(dir) < maxPathBytes {
		dir = filepath.Join(dir, strings.Repeat("x", 200))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "f")
	rewrite(t, file, "text")
	f := newTestFiles(kept)
	before := openFiles(t)
	for range 2 {
		text, _, err := f.Append(nil, file)
		wantText(t, "text", text, err)
		if _, _, err := f.Stat(file); err != nil {
			t.Error(err)
		}
		if _, _, err := f.Append(nil, file+"missing"); !IsMissing(err) {
			t.Error(err)
		}
	}
	if n := kept.Open(); n != 0 || len(f.files) != 0 || openFiles(t) != before {
		t.Errorf("%d kept, %d descriptors more", n, openFiles(t)-before)
	}
}

// cloned is a key that is part of a longer text.
type cloned string

func (c cloned) Clone() cloned { return cloned(strings.Clone(string(c))) }

func TestKeysAreCloned(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	rewrite(t, file, "text")
	f := NewFiles[cloned, struct{}](NewKept(10), func(c cloned) string { return string(c) })
	if _, _, err := f.Append(nil, cloned(file)); err != nil {
		t.Fatal(err)
	}
	for key := range f.files {
		if string(key) != file || unsafe.StringData(string(key)) == unsafe.StringData(file) {
			t.Errorf("%q is kept as it came", key)
		}
	}
}
