package image

import (
	"debug/elf"
	"testing"
)

// A program in the image finds its loader and each library that it names.
func TestLibraries(t *testing.T) {
	paths, err := libraries([]string{"/bin/sleep", "/bin/ls"})
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, path := range paths {
		f, err := elf.Open(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		names, err := f.DynString(elf.DT_SONAME)
		f.Close()
		if err != nil || len(names) != 1 {
			t.Errorf("%s is no library: %q, %v", path, names, err)
			continue
		}
		named[names[0]] = true
	}
	program, err := elf.Open("/bin/ls")
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	needed, err := program.ImportedLibraries()
	if err != nil || len(needed) == 0 {
		t.Fatalf("/bin/ls needs %q, %v", needed, err)
	}
	for _, library := range needed {
		if !named[library] {
			t.Errorf("/bin/ls needs %s, which is not among %q", library, paths)
		}
	}
}
