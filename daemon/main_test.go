package main

import (
	"io"
	"os"
	"strings"
	"testing"
)

// What was a command until it became a program says where it is.
func TestNRIIsAProgram(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr := os.Stderr
	os.Stderr = w
	code := run([]string{"nri", "--mount=/var/lib/podview/view"})
	os.Stderr = stderr
	w.Close()
	text, err := io.ReadAll(r)
	if err != nil || code != exitUsage || string(text) != "podview: the NRI plugin is a program of its own: podview-nri\n" {
		t.Errorf("podview nri: exit code %d, %q, %v", code, text, err)
	}
	var list strings.Builder
	usage(&list)
	if strings.Contains(list.String(), "nri") {
		t.Errorf("the commands are %s", &list)
	}
}
