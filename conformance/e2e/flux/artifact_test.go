package flux

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
)

func TestArchive(t *testing.T) {
	tree := fstest.MapFS{
		"kustomize/base/a.yaml": {Data: []byte("a")},
		"overlays/x/b.yaml":     {Data: []byte("b")},
		"daemon/main.go":        {Data: []byte("not published")},
	}
	file := filepath.Join(t.TempDir(), "x.tar.gz")
	size, sum, err := archive(file, tree, "kustomize", "overlays/")
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if want := sha256.Sum256(content); sum != hex.EncodeToString(want[:]) || size != int64(len(content)) {
		t.Errorf("size %d, sum %s of a file of %d bytes", size, sum, len(content))
	}
	want := map[string]string{"kustomize/base/a.yaml": "a", "overlays/x/b.yaml": "b"}
	if got := unpack(t, content); !maps.Equal(got, want) {
		t.Errorf("files: %v, want %v", got, want)
	}
	if _, again, err := archive(file, tree, "kustomize", "overlays/"); err != nil || again != sum {
		t.Errorf("the same tree again: %s, %v", again, err)
	}
	if _, _, err := archive(file, tree, "absent"); err == nil {
		t.Error("a directory that is not there was archived")
	}
}

func unpack(t *testing.T, content []byte) map[string]string {
	t.Helper()
	plain, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for archive := tar.NewReader(plain); ; {
		header, err := archive.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		files[header.Name] = string(text)
	}
}
