package manifest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

func TestDocuments(t *testing.T) {
	have, err := Documents([]runtime.Object{
		&corev1.Namespace{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
			ObjectMeta: metav1.ObjectMeta{Name: "a", CreationTimestamp: metav1.Time{Time: time.Unix(0, 0)}},
			Status:     corev1.NamespaceStatus{Phase: corev1.NamespaceActive},
		},
		&unstructured.Unstructured{Object: map[string]any{"b": []any{map[string]any{"resources": map[string]any{}, "c": map[string]any{}}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: a\nspec: {}\n---\nb:\n- c: {}\n"
	if string(have) != want {
		t.Errorf("have\n%swant\n%s", have, want)
	}
}

func TestWriteAndCheck(t *testing.T) {
	root := t.TempDir()
	f := File{Path: "a/b.yaml", Content: []byte("one\ntwo\n")}
	if err := f.Check(root); err == nil {
		t.Error("a missing file is up to date")
	}
	if err := f.Write(root); err != nil {
		t.Fatal(err)
	}
	if err := f.Check(root); err != nil {
		t.Error(err)
	}
	entries, err := os.ReadDir(filepath.Join(root, "a"))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
	f.Content = []byte("one\nthree\n")
	if err := f.Check(root); err == nil || !strings.Contains(err.Error(), "a/b.yaml:2 ") {
		t.Errorf("have %v, want line 2", err)
	}
}

// A write that fails leaves what was there.
func TestWriteFails(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "a", "file"), 0o755); err != nil {
		t.Fatal(err)
	}
	// A directory cannot be replaced by a file.
	if err := (File{Path: "a/file", Content: []byte("x")}).Write(root); err == nil {
		t.Error("a directory was replaced")
	}
	entries, err := os.ReadDir(filepath.Join(root, "a"))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}
