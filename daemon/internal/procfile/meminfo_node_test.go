package procfile

import (
	"strings"
	"testing"

	"github.com/podview/podview/daemon/internal/view"
)

func appendNode(t *testing.T, c *view.Container) string {
	t.Helper()
	out, err := AppendNodeMeminfo(nil, recorded(t, "node0/meminfo"), recorded(t, meminfoPath), c)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// nodeKB strips "Node 0 ".
func nodeKB(t *testing.T, text string) map[string]uint64 {
	t.Helper()
	return meminfoKB(t, strings.ReplaceAll(text, "Node 0 ", ""))
}

func TestNodeMeminfoAgreesWithMeminfo(t *testing.T) {
	unlimited := container()
	unlimited.Memory.Limited, unlimited.Memory.SwapLimited = false, false
	swapCached := container()
	swapCached.Memory.Stat.SwapCachedBytes = 3 << 20
	for name, c := range map[string]*view.Container{
		"limited": container(), "unlimited": unlimited, "swap cached": swapCached,
	} {
		out := appendNode(t, c)
		sameShape(t, string(recorded(t, "node0/meminfo")), out)
		node := nodeKB(t, out)
		proc := meminfoKB(t, mustAppend(t, &meminfo, string(recorded(t, meminfoPath)), c))
		proc["MemUsed"] = proc["MemTotal"] - proc["MemFree"]
		proc["FilePages"] = proc["Cached"] + proc["Buffers"] + proc["SwapCached"]
		for line, n := range node {
			if want, ok := proc[line]; !ok || n != want {
				t.Errorf("%s: %s is %d, /proc/meminfo says %d (%v)", name, line, n, want, ok)
			}
		}
	}
}

// A machine with several nodes has less on node 0 than in /proc/meminfo, and
// lines of its own.
func TestNodeMeminfoTemplate(t *testing.T) {
	const proc = "MemTotal: 1000 kB\nMemFree: 900 kB\nOwnLineLonger: 3 kB\nHugePages_Total:   12\n"
	const node = "Node 3 MemTotal:            500 kB\nNode 3 OwnLine:               7 kB\nNode 3 HugePages_Total:     6\n"
	const want = "Node 0 MemTotal:           1000 kB\nNode 0 OwnLine:               7 kB\nNode 0 HugePages_Total:    12\n"
	out, err := AppendNodeMeminfo(nil, []byte(node), []byte(proc), &view.Container{})
	if err != nil || string(out) != want {
		t.Errorf("got\n%s%v, want\n%s", out, err, want)
	}
}

func TestNodeMeminfoBadInput(t *testing.T) {
	const proc, node = "MemTotal: 1000 kB\n", "Node 0 MemTotal: 500 kB\n"
	for name, test := range map[string]struct{ node, proc string }{
		"no node file":    {"", proc},
		"no proc file":    {node, ""},
		"cut short":       {"Node 0 MemTotal: 50", proc},
		"no number":       {"Node 0 MemTotal: kB\n", proc},
		"negative":        {"Node 0 MemTotal: -5 kB\n", proc},
		"not of a node":   {"MemTotal: 5 kB\n", proc},
		"no MemTotal":     {node, "MemFree: 3 kB\n"},
		"blank line":      {node + "\n", proc},
		"no name at all":  {"Node 0 : 5 kB\n", proc},
		"number too long": {"Node 0 MemTotal: 99999999999999999999 kB\n", proc},
	} {
		if out, err := AppendNodeMeminfo(nil, []byte(test.node), []byte(test.proc), &view.Container{}); err == nil {
			t.Errorf("%s: no error, but %q", name, out)
		}
	}
}
