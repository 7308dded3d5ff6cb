//go:build amd64 || arm64

package syscallview

import (
	"slices"
	"testing"
)

// Every program belongs to one feature; a forgotten one would never be loaded.
func TestPrograms(t *testing.T) {
	spec, err := loadKernel()
	if err != nil {
		t.Fatal(err)
	}
	var have, listed []string
	for name := range spec.Programs {
		have = append(have, name)
	}
	for _, f := range Features {
		listed = append(listed, f.programs()...)
	}
	slices.Sort(have)
	slices.Sort(listed)
	if !slices.Equal(have, listed) {
		t.Errorf("the object has %q, the features have %q", have, listed)
	}
}
