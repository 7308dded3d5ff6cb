package deps

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// notLinked is what the privileged program does without. The runtime's protocol
// for plugins brings it along, so the plugin is a program of its own. protobuf is
// not in the list: Prometheus's client and containerd/cgroups need it.
var notLinked = []string{
	"github.com/containerd/nri", "github.com/containerd/ttrpc", "google.golang.org/grpc", "google.golang.org/genproto",
	"github.com/tetratelabs/wazero", "github.com/knqyf263/go-plugin",
}

func TestNotLinked(t *testing.T) {
	linked := func(program string) (found []string) {
		out, err := exec.Command("go", "list", "-deps", program).Output()
		if err != nil {
			t.Fatalf("go list -deps %s: %v", program, err)
		}
		for path := range strings.Lines(string(out)) {
			for _, bad := range notLinked {
				if below(strings.TrimSpace(path), bad) {
					found = append(found, bad)
				}
			}
		}
		slices.Sort(found)
		return slices.Compact(found)
	}
	if found := linked("../.."); len(found) > 0 {
		t.Errorf("podview is linked with %q", found)
	}
	// What the plugin no longer has need not be in the list.
	if found := linked("../../podview-nri"); len(found) != len(notLinked) {
		t.Errorf("podview-nri is linked with %q, not all of %q", found, notLinked)
	}
}
