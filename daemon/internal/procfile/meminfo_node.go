package procfile

import (
	"bytes"

	"github.com/podview/podview/daemon/internal/view"
)

const nodeMeminfoPath = "/sys/devices/system/node/nodeN/meminfo"

// NodeShare is a NUMA node's part of the host's memory: all of it, what is on
// the nodes before, and what is on this one.
type NodeShare struct{ AllKB, BeforeKB, OwnKB uint64 }

// of is the node's part of n; the parts of all nodes add up to n.
func (s NodeShare) of(n uint64) uint64 {
	if s.AllKB == 0 {
		return n
	}
	return view.MulDiv(n, s.BeforeKB+s.OwnKB, s.AllKB) - view.MulDiv(n, s.BeforeKB, s.AllKB)
}

// ParseNodeTotal reads MemTotal, in kB, in the meminfo of a node.
func ParseNodeTotal(host []byte) (totalKB uint64, err error) {
	for rest := host; len(rest) > 0; {
		var line []byte
		line, rest = cutLine(rest)
		key, value := cutNodeKey(line)
		if string(key) == "MemTotal" {
			digits, _ := cutField(value)
			if n, ok := parseUint(digits); ok && n < 1<<54 {
				return n, nil
			}
			return 0, templateError(nodeMeminfoPath, "not a possible number of kB", line)
		}
	}
	return 0, templateError(nodeMeminfoPath, "no MemTotal", host)
}

// cutNodeKey splits "Node 3 key: value"; key is nil in other lines.
func cutNodeKey(line []byte) (key, value []byte) {
	word, rest := cutField(line)
	number, rest := cutField(rest)
	if _, ok := parseUint(number); !ok || string(word) != "Node" {
		return nil, nil
	}
	return cutKey(rest)
}

// AppendNodeMeminfo appends the meminfo of a NUMA node to dst. nodeHost is the
// host's file of that node, procHost its /proc/meminfo.
//
// No cgroup has limits by node. A line that the container's /proc/meminfo has
// too is the node's share of it, so that the nodes add up to what is said
// there; others keep the node's own number. The format is drivers/base/node.c
// node_read_meminfo's.
func AppendNodeMeminfo(dst, nodeHost, procHost []byte, share NodeShare, c *view.Container) ([]byte, error) {
	h, err := parseMeminfo(procHost, &c.Memory)
	if err != nil {
		return nil, err
	}
	if err := checkWhole(nodeMeminfoPath, nodeHost); err != nil {
		return nil, err
	}
	figures := nodeFigures{&c.Memory, h, share}
	for len(nodeHost) > 0 {
		var line []byte
		line, nodeHost = cutLine(nodeHost)
		key, value := cutNodeKey(line)
		digits, unit := cutField(value)
		if _, ok := parseUint(digits); len(key) == 0 || !ok {
			return nil, templateError(nodeMeminfoPath, "not a line of a node", line)
		}
		kB, ok := figures.of(key)
		if !ok || len(bytes.TrimSpace(unit)) == 0 { // huge pages are the machine's
			dst = append(dst, line...)
			continue
		}
		dst = appendKB(append(dst, line[:bytes.Index(line, key)]...), key, kB)
	}
	return dst, nil
}

// nodeFigures is the node's share of what the container's /proc/meminfo says.
type nodeFigures struct {
	memory *view.Memory
	host   hostMeminfo
	share  NodeShare
}

// of is false for a line that is not the container's.
func (f *nodeFigures) of(key []byte) (kB uint64, ok bool) {
	if !f.memory.Limited {
		return 0, false
	}
	switch string(key) {
	case "MemUsed":
		return subtract(f.line("MemTotal"), f.line("MemFree")), true
	case "FilePages":
		// /proc/meminfo takes its Cached from the same counter, and the two
		// others off it.
		return f.line("Cached") + f.line("Buffers") + f.line("SwapCached"), true
	}
	at := findRow(meminfoRows, key, 0)
	if at < 0 || !meminfoRows[at].applies(f.memory) {
		return 0, false
	}
	return f.share.of(meminfoRows[at].kB(f.memory, f.host)), true
}

// line is a line's number, 0 without one.
func (f *nodeFigures) line(name string) uint64 {
	n, _ := f.of([]byte(name))
	return n
}
