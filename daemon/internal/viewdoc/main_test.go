package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/podview/podview/daemon/internal/procfile"
)

func TestDocsAreGenerated(t *testing.T) {
	const path = "../../../docs/view.md"
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, render(documented())) {
		t.Errorf("%s is not up to date: go run ./daemon/internal/viewdoc -o docs/view.md", path)
	}
}

func TestRowsHaveAllColumns(t *testing.T) {
	text := render([]*procfile.File{{Path: "/proc/x", Fields: []procfile.Field{
		{Name: "a|b", V2: "cpu.stat user_usec", Formula: "one", NoLimit: "two"},
	}}})
	const want = `| a\|b | – | cpu.stat user\_usec | one | two |`
	if !strings.Contains(string(text), want+"\n") {
		t.Errorf("no row %s in:\n%s", want, text)
	}
}
