package reader

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestBindPoints(t *testing.T) {
	got := bindPoints([]string{"/proc/stat", "/sys/devices/system/cpu/online", "/sys/devices/system/cpu/present", "/proc/stat"})
	if want := []string{"/proc/stat", "/sys/devices/system/cpu"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestSceneTellsSourceFromTarget: mount(2) has one errno for both.
func TestSceneTellsSourceFromTarget(t *testing.T) {
	dir := t.TempDir()
	there := filepath.Join(dir, "there")
	if err := os.WriteFile(there, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	text := scene("/proc", filepath.Join(dir, "missing"), there)
	for _, want := range []string{"missing: no such file", "there: -rw-------", " - proc ", "type 0x9fa0"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
