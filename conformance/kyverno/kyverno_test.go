package kyverno

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the rows that the CLI prints to testdata")

const policies = "../../policies"

// binary is the CLI that `make kyverno` builds.
func binary(t *testing.T) string {
	t.Helper()
	path := os.Getenv("KYVERNO")
	if path == "" {
		t.Skip("KYVERNO does not name the Kyverno CLI: run make kyverno")
	}
	return path
}

// suites are the folders below policies/ that have one.
func suites(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(policies + "/*/.kyverno-test/kyverno-test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, filepath.Base(filepath.Dir(filepath.Dir(f))))
	}
	return names
}

func TestSuites(t *testing.T) {
	kyverno := binary(t)
	names := suites(t)
	var golden []string
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		golden = append(golden, strings.TrimSuffix(filepath.Base(f), ".txt"))
	}
	slices.Sort(golden)
	slices.Sort(names)
	if !*update && !slices.Equal(names, golden) {
		t.Errorf("suites %v, testdata has %v", names, golden)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(policies, name, ".kyverno-test")
			if *update {
				write(t, kyverno, dir, name)
			}
			rows, err := check(kyverno, dir, wanted(t, name))
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d rows", len(rows))
		})
	}
}

func write(t *testing.T, kyverno, dir, name string) {
	t.Helper()
	rows, err := cli(kyverno, dir)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(lines(rows), "\n") + "\n"
	if err := os.WriteFile(filepath.Join("testdata", name+".txt"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func wanted(t *testing.T, name string) []string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(content)), "\n")
}
