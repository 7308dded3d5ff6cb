package procfile

import (
	"strings"
	"testing"

	"github.com/podview/podview/daemon/internal/view"
)

func appendNode(t *testing.T, c *view.Container) string {
	t.Helper()
	out, err := AppendNodeMeminfo(nil, recorded(t, "node0/meminfo"), recorded(t, meminfoPath), NodeShare{}, c)
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
	swapCached := container()
	swapCached.Memory.Stat.SwapCachedBytes = 3 << 20
	for name, c := range map[string]*view.Container{"limited": container(), "swap cached": swapCached} {
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

func TestNodeMeminfoWithoutLimitIsTheHosts(t *testing.T) {
	c := container()
	c.Memory.Limited = false // swap has no lines here
	if out := appendNode(t, c); out != string(recorded(t, "node0/meminfo")) {
		t.Errorf("got\n%s", out)
	}
}

// TestNodesAddUp: whatever the nodes' sizes, they add up to the container.
func TestNodesAddUp(t *testing.T) {
	sizes := []uint64{1000, 0, 333, 7, 98765}
	all := NodeShare{}
	for _, n := range sizes {
		all.AllKB += n
	}
	for _, c := range []uint64{0, 1, 262144, 12345678901} {
		share, sum := all, uint64(0)
		for _, n := range sizes {
			share.OwnKB = n
			part := share.of(c)
			if n == 0 && part != 0 {
				t.Errorf("a node without memory has %d of %d kB", part, c)
			}
			sum += part
			share.BeforeKB += n
		}
		if sum != c {
			t.Errorf("the nodes' parts of %d add up to %d", c, sum)
		}
	}
}

// A node keeps its number, its own lines, and its huge pages.
func TestNodeMeminfoTemplate(t *testing.T) {
	const proc = "MemTotal: 1048576 kB\nMemFree: 900 kB\nHugePages_Total:   12\n"
	const node = "Node 3 MemTotal:         524288 kB\nNode 3 MemFree:             500 kB\nNode 3 OwnLine:               7 kB\nNode 3 HugePages_Total:     6\n"
	const want = "Node 3 MemTotal:         131072 kB\nNode 3 MemFree:           51200 kB\nNode 3 OwnLine:               7 kB\nNode 3 HugePages_Total:     6\n"
	out, err := AppendNodeMeminfo(nil, []byte(node), []byte(proc), NodeShare{AllKB: 1048576, BeforeKB: 524288, OwnKB: 524288}, container())
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
		if out, err := AppendNodeMeminfo(nil, []byte(test.node), []byte(test.proc), NodeShare{}, &view.Container{}); err == nil {
			t.Errorf("%s: no error, but %q", name, out)
		}
	}
}
