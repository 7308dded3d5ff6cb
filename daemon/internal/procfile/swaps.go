package procfile

import (
	"bytes"
	"strconv"

	"github.com/podview/podview/daemon/internal/view"
)

const swapsPath = "/proc/swaps"

var swaps = File{
	Path:   swapsPath,
	Needs:  NeedMemory,
	Append: appendSwaps,
	Fields: []Field{
		{"Filename", "", "", "the host's first swap device, which stands for all", "the host's"},
		{"Type", "", "", "that device's", "the host's"},
		{"Size", "memory.memsw.limit_in_bytes − memory.limit_in_bytes", "memory.swap.max", "SwapTotal of /proc/meminfo; no line at all when it is 0", "the host's"},
		{"Used", "memory.stat total_swap", "memory.swap.current", "SwapTotal − SwapFree of /proc/meminfo", "the host's"},
		{"Priority", "", "", "that device's", "the host's"},
	},
}

// appendSwaps shows a swap limit as one device of that size. The device is
// the lie: the container's swap may lie on any of the host's.
func appendSwaps(dst, host []byte, c *view.Container) ([]byte, error) {
	if err := checkWhole(swapsPath, host); err != nil {
		return nil, err
	}
	if !c.Memory.SwapLimited {
		return append(dst, host...), nil
	}
	header, rest := cutLine(host)
	if !bytes.HasPrefix(header, []byte("Filename\t")) {
		return nil, templateError(swapsPath, "no header", header)
	}
	sizeKB := c.Memory.SwapTotalBytes / kB
	if sizeKB == 0 {
		return append(dst, header...), nil
	}
	device := swapDevice{name: []byte("none"), kind: []byte("partition"), priority: []byte("-2")}
	if len(rest) > 0 {
		line, _ := cutLine(rest)
		var ok bool
		if device, ok = parseSwapDevice(line); !ok {
			return nil, templateError(swapsPath, "not a line of a swap device", line)
		}
	}
	dst = append(dst, header...)
	return device.append(dst, sizeKB, sizeKB-min(c.Memory.SwapFreeBytes/kB, sizeKB)), nil
}

type swapDevice struct{ name, kind, priority []byte }

func parseSwapDevice(line []byte) (d swapDevice, ok bool) {
	var size, used []byte
	d.name, line = cutField(line) // the kernel writes blanks in it as \040
	d.kind, line = cutField(line)
	size, line = cutField(line)
	used, line = cutField(line)
	d.priority, _ = cutField(line)
	_, err := strconv.ParseInt(string(d.priority), 10, 32)
	return d, isNumber(size) && isNumber(used) && err == nil
}

// append prints mm/swapfile.c swap_show's line:
// "%*s%s\t%lu\t%s%lu\t%s%d\n" after the name.
func (d *swapDevice) append(dst []byte, sizeKB, usedKB uint64) []byte {
	dst = append(dst, d.name...)
	for range max(1, 40-len(d.name)) {
		dst = append(dst, ' ')
	}
	dst = append(dst, d.kind...)
	if string(d.kind) == "file" { // one tab narrower than "partition"
		dst = append(dst, '\t')
	}
	dst = appendSwapKB(append(dst, '\t'), sizeKB)
	dst = appendSwapKB(append(dst, '\t'), usedKB)
	dst = append(dst, '\t')
	dst = append(dst, d.priority...)
	return append(dst, '\n')
}

// appendSwapKB fills up with a tab what is too short to reach the next column.
func appendSwapKB(dst []byte, n uint64) []byte {
	dst = strconv.AppendUint(dst, n, 10)
	if n < 10000000 {
		dst = append(dst, '\t')
	}
	return dst
}
