// Package manifest turns objects into YAML and files.
package manifest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

// Documents writes objects as one YAML stream, keys in alphabetical order,
// without what only the server sets.
func Documents(objects []runtime.Object) ([]byte, error) {
	var out bytes.Buffer
	for i, o := range objects {
		m, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
		if err != nil {
			return nil, fmt.Errorf("%T: %w", o, err)
		}
		if !isPod(m) {
			delete(m, "status")
		}
		if meta, ok := m["metadata"].(map[string]any); ok {
			delete(meta, "creationTimestamp")
		}
		dropEmpty(m, "resources")
		doc, err := yaml.Marshal(m)
		if err != nil {
			return nil, fmt.Errorf("%T: %w", o, err)
		}
		if i > 0 {
			out.WriteString("---\n")
		}
		out.Write(doc)
	}
	return out.Bytes(), nil
}

// isPod: the pods of the audit's tests are running.
func isPod(m map[string]any) bool { return m["kind"] == "Pod" }

// dropEmpty removes a key whose map is empty, at any depth. ClusterPolicy's
// match.resources is a struct that omitempty does not omit.
func dropEmpty(v any, key string) {
	switch v := v.(type) {
	case map[string]any:
		if m, ok := v[key].(map[string]any); ok && len(m) == 0 {
			delete(v, key)
		}
		for _, child := range v {
			dropEmpty(child, key)
		}
	case []any:
		for _, child := range v {
			dropEmpty(child, key)
		}
	}
}

// File is a generated file, its path relative to the repository's root.
type File struct {
	Path    string
	Content []byte
}

// Write writes the file whole or not at all.
func (f File) Write(root string) error {
	path := filepath.Join(root, f.Path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".generate-*")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name()) // a no-op once renamed
	_, err = temporary.Write(f.Content)
	if err == nil {
		err = temporary.Chmod(0o644)
	}
	if closeErr := temporary.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	return os.Rename(temporary.Name(), path)
}

// Check fails when the file on disk is not the generated one.
func (f File) Check(root string) error {
	have, err := os.ReadFile(filepath.Join(root, f.Path))
	if err != nil {
		return err
	}
	if bytes.Equal(have, f.Content) {
		return nil
	}
	line := 1 + bytes.Count(have[:common(have, f.Content)], []byte("\n"))
	return fmt.Errorf("%s:%d is not what `make generate` writes", f.Path, line)
}

func common(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
