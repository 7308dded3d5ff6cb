package caller

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A very long /proc/PID/cgroup is not remembered with the process.
func TestLongTextsAreNotKept(t *testing.T) {
	var r Resolver
	r.buffers.New = func() any { return new([]byte) }
	file := filepath.Join(t.TempDir(), "cgroup")
	for _, text := range []string{"0::/short\n", "0::/" + strings.Repeat("x", maxTextBytes) + "\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		p := &process{file: file}
		got, err := r.cgroups(p, 1, 1)
		if err != nil || got != text {
			t.Errorf("%d of %d bytes, %v", len(got), len(text), err)
		}
		if kept := p.text == text; kept != (len(text) <= maxTextBytes) {
			t.Errorf("%d bytes are kept: %t", len(text), kept)
		}
	}
}
