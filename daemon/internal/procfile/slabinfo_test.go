package procfile

import (
	"strings"
	"testing"

	"github.com/podview/podview/daemon/internal/view"
	"github.com/podview/podview/daemon/paths"
)

func TestSlabinfo(t *testing.T) {
	host := string(recorded(t, "/proc/slabinfo"))
	lines := strings.SplitAfter(host, "\n")
	header := lines[0] + lines[1]
	own := header + "dentry 1 2 3 4 5 : tunables 0 0 0 : slabdata 0 0 0\n"
	for name, test := range map[string]struct{ host, raw, want string }{
		"the cgroup's own":        {host, own, own},
		"no cgroup file":          {host, "", header},
		"cgroup file cut short":   {host, own[:len(own)-3], header},
		"not a slabinfo":          {host, "some avg10=0.00\n", header},
		"unreadable host":         {"", "", paths.SlabinfoHeader},
		"no header":               {lines[2] + lines[3], "", paths.SlabinfoHeader},
		"half a header":           {lines[0] + lines[2], "", paths.SlabinfoHeader},
		"header cut short":        {header[:len(header)-5], "", paths.SlabinfoHeader},
		"cache named like it":     {header + "slabinfo - version: x\n# name\n", "", header},
		"a header of the future":  {"slabinfo - version: 3.0\n# name\n", "", "slabinfo - version: 3.0\n# name\n"},
		"columns of the future":   {"slabinfo - version: 3.0\ncolumns\n", "", paths.SlabinfoHeader},
		"cgroup with header only": {host, header, header},
	} {
		if out := mustAppend(t, &slabinfo, test.host, &view.Container{Raw: []byte(test.raw)}); out != test.want {
			t.Errorf("%s: got\n%s", name, out)
		}
	}
	if paths.SlabinfoHeader != header {
		t.Errorf("the kernel's header is\n%s", header)
	}
}
