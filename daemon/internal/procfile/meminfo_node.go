package procfile

import (
	"bytes"

	"github.com/podview/podview/daemon/internal/view"
)

const nodeMeminfoPath = "/sys/devices/system/node/node0/meminfo"

// AppendNodeMeminfo appends the meminfo of the container's one NUMA node to
// dst. nodeHost is the host's file of that name, procHost its /proc/meminfo.
//
// The node stands for all of the host's: a line that the container's
// /proc/meminfo has too says the same there. Others keep the template's
// number. The format is drivers/base/node.c node_read_meminfo's.
func AppendNodeMeminfo(dst, nodeHost, procHost []byte, c *view.Container) ([]byte, error) {
	h, err := parseMeminfo(procHost, &c.Memory)
	if err != nil {
		return nil, err
	}
	if err := checkWhole(nodeMeminfoPath, nodeHost); err != nil {
		return nil, err
	}
	figures := nodeFigures{&c.Memory, h, procHost}
	for len(nodeHost) > 0 {
		var line []byte
		line, nodeHost = cutLine(nodeHost)
		node, rest := cutField(line)
		_, rest = cutField(rest) // the number
		key, value := cutKey(rest)
		digits, unit := cutField(value)
		number, ok := parseUint(digits)
		if string(node) != "Node" || len(key) == 0 || !ok {
			return nil, templateError(nodeMeminfoPath, "not a line of a node", line)
		}
		if n, ok := figures.of(key); ok {
			number = n
		}
		dst = append(dst, "Node 0 "...)
		if len(bytes.TrimSpace(unit)) > 0 {
			dst = appendKB(dst, key, number)
		} else {
			dst = appendCount(dst, key, number)
		}
	}
	return dst, nil
}

// appendCount prints a line of mm/hugetlb.c hugetlb_report_node_meminfo: the
// name in 17 columns, the number in 5.
func appendCount(dst, name []byte, n uint64) []byte {
	start := len(dst)
	dst = append(dst, name...)
	dst = append(dst, ':')
	for len(dst)-start < 17 {
		dst = append(dst, ' ')
	}
	return append(appendPadded(dst, n, 5), '\n')
}

// nodeFigures is what the container's /proc/meminfo says.
type nodeFigures struct {
	memory   *view.Memory
	host     hostMeminfo
	procHost []byte
}

func (f *nodeFigures) of(key []byte) (uint64, bool) {
	switch string(key) {
	case "MemUsed":
		return subtract(f.line("MemTotal"), f.line("MemFree")), true
	case "FilePages":
		// /proc/meminfo takes its Cached from the same counter, and the two
		// others off it.
		return f.line("Cached") + f.line("Buffers") + f.line("SwapCached"), true
	}
	if at := findRow(meminfoRows, key, 0); at >= 0 && meminfoRows[at].applies(f.memory) {
		return meminfoRows[at].kB(f.memory, f.host), true
	}
	for rest := f.procHost; len(rest) > 0; {
		var line []byte
		line, rest = cutLine(rest)
		if name, value := cutKey(line); len(name) > 0 && bytes.Equal(name, key) {
			digits, _ := cutField(value)
			return parseUint(digits)
		}
	}
	return 0, false
}

// line is a line's number, 0 without one.
func (f *nodeFigures) line(name string) uint64 {
	n, _ := f.of([]byte(name))
	return n
}
