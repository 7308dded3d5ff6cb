package boot

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/podview/podview/daemon/paths"
)

var update = flag.Bool("update", false, "write the files of docs/boot")

// inDocs is where each format lies.
var inDocs = map[string]string{
	"tmpfiles.d": "podview.conf", "butane": "podview.bu", "cloud-init": "cloud-init.yaml",
	"machineconfig": "machineconfig.yaml", "talos": "talos.yaml",
}

var usual = Config{Mount: "/var/lib/podview/view", Image: "ghcr.io/podview/podview:v0.1.0"}

// TestDocs: the files are those that are printed. make generate writes them.
func TestDocs(t *testing.T) {
	for _, format := range Formats() {
		file := filepath.Join("../../../docs/boot", inDocs[format])
		text, err := Print(format, usual)
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != text {
			t.Errorf("%s is not what is printed (%v); make generate", file, err)
		}
	}
	if _, err := Print("ini", usual); err == nil || !strings.Contains(err.Error(), `"ini" is not one of butane, `) {
		t.Errorf("an unknown format: %v", err)
	}
}

// TestTmpfiles: all that is above the first path that needs it is made before
// it, and nothing above the parent of the mountpoint.
func TestTmpfiles(t *testing.T) {
	made := map[string]bool{"/srv": true}
	links := 0
	for line := range strings.Lines(tmpfiles(Config{Mount: "/srv/podview/view"})) {
		fields := strings.Fields(line)
		if fields[0] == "#" {
			continue
		}
		if len(fields) < 6 || fields[0] == "L" && len(fields) != 7 || !made[filepath.Dir(fields[1])] || made[fields[1]] {
			t.Errorf("%q", line)
			continue
		}
		made[fields[1]] = true
		if fields[0] == "L" {
			links++
			if fields[1] != "/srv/podview/view"+fields[6] {
				t.Errorf("%q", line)
			}
		}
	}
	for _, p := range paths.All {
		if made["/srv/podview/view"+p.Path] == p.Rare {
			t.Errorf("%s: %t", p.Path, !p.Rare)
		}
	}
	if links == 0 {
		t.Error("no links")
	}
}
