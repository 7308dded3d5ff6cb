// Package deps holds the daemon to its import rules, which keep the parts
// that compute free of I/O and the parts that touch the kernel few.
package deps

import (
	"bytes"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/podview/podview/daemon/"

// pure packages compute; they read no file and no clock.
var pure = []string{"paths", "label", "internal/view", "internal/sample", "internal/procfile", "internal/sysfile", "internal/cgroup", "internal/quantity", "internal/summary", "internal/boot"}

// onlyIn lists the packages that may import what is dangerous or big.
var onlyIn = map[string][]string{
	"os/exec":                         {"internal/demo", "internal/holder"},
	"github.com/hanwen/go-fuse":       {"", "internal/fusefs", "internal/fusedev", "internal/holder", "internal/nullserver"},
	"github.com/containerd/cgroups":   {"internal/demo", "internal/cgroup/detect"},
	"github.com/cilium/ebpf":          {"internal/syscallview"},
	"net/http":                        {""},
	module + "internal/cgroup/v1":     {"internal/cgroup/detect"},
	module + "internal/cgroup/v2":     {"internal/cgroup/detect"},
	module + "internal/cgroup/detect": {""},
	module + "internal/fusefs":        {"", "internal/ledger"},
	module + "internal/fusedev":       {"", "internal/holder", "internal/ledger", "internal/nullserver"},
	module + "internal/pipeline":      {""},
	module + "internal/reattach":      {"", "internal/nri"},
	module + "internal/nri":           {"podview-nri"},
	"github.com/containerd/nri":       {"internal/nri"},
	module + "internal/handover":      {""},
	module + "internal/failopen":      {""},
	module + "internal/confine":       {""},
	module + "internal/syscallview":   {"", "internal/demo"},
	module + "internal/mountinfo":     {"", "internal/demo", "internal/fusedev", "internal/reattach", "podview-nri"},
	"github.com/prometheus":           {"", "internal/metrics", "internal/pipeline"},
}

// onlyInFiles keeps from the process that holds the mount what others do for
// it: hear strangers, load programs into the kernel, enter containers.
var onlyInFiles = map[string][]string{
	"json.Unmarshal(":    {"internal/handover/handover.go"},
	".receive(":          {"internal/handover/greet.go", "internal/handover/predecessor.go"},
	"handover.Greet(":    {"greet.go"},
	"syscallview.Open(":  {"attach.go", "doctor.go"},
	"syscallview.Unpin(": {"attach.go"},
	"reattach.Run(":      {"orphans.go", "reattach.go"},
}

var notPure = []string{"os", "syscall", "net", "golang.org/x/sys", "io/fs", module + "internal/host"}

func TestImports(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	err = filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return err
		}
		files++
		dir, _ := filepath.Rel(root, filepath.Dir(file))
		checkFile(t, strings.TrimPrefix(dir, "."), file)
		name, _ := filepath.Rel(root, file)
		checkCalls(t, name, file)
		return nil
	})
	if err != nil || files < 20 {
		t.Fatalf("%d files, %v", files, err)
	}
}

func checkFile(t *testing.T, pkg, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(pure, pkg) && bytes.Contains(text, []byte("time.Now")) {
		t.Errorf("%s reads the clock; %s computes", file, pkg)
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range parsed.Imports {
		path, _ := strconv.Unquote(spec.Path.Value)
		if pkg == "paths" {
			t.Errorf("%s imports %s; paths imports nothing", file, path)
		}
		for _, bad := range notPure {
			if slices.Contains(pure, pkg) && below(path, bad) {
				t.Errorf("%s imports %s; %s does no I/O", file, path, pkg)
			}
		}
		for what, allowed := range onlyIn {
			if below(path, what) && !slices.Contains(allowed, pkg) {
				t.Errorf("%s imports %s, which only %q may", file, path, allowed)
			}
		}
	}
}

func checkCalls(t *testing.T, name, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for what, allowed := range onlyInFiles {
		if there := bytes.Contains(text, []byte(what)); there != slices.Contains(allowed, name) {
			t.Errorf("%s has %s: %t; these have it: %q", name, what, there, allowed)
		}
	}
}

func below(path, top string) bool { return path == top || strings.HasPrefix(path, top+"/") }
