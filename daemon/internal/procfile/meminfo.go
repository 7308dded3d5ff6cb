package procfile

import (
	"math/bits"

	"github.com/podview/podview/daemon/internal/view"
)

const meminfoPath = "/proc/meminfo"

var meminfo = File{
	Path:   meminfoPath,
	Needs:  NeedMemory,
	Append: appendMeminfo,
	Fields: append(meminfoFields(meminfoRows), Field{Name: "any other line", Formula: "the host's", NoLimit: "the host's"}),
}

// hostMeminfo is what the container's lines borrow of the host's.
type hostMeminfo struct {
	totalKB, swapTotalKB, commitLimitKB uint64
}

// appendMeminfo replaces the lines that have a row in meminfoRows and keeps
// the others, those of kernels newer than the table among them.
func appendMeminfo(dst, host []byte, c *view.Container) ([]byte, error) {
	h, err := parseMeminfo(host, &c.Memory)
	if err != nil {
		return nil, err
	}
	next := 0 // the table is in the kernel's order
	for len(host) > 0 {
		var line []byte
		line, host = cutLine(host)
		key, _ := cutKey(line)
		at := findRow(meminfoRows, key, next)
		if at < 0 || !meminfoRows[at].applies(&c.Memory) {
			dst = append(dst, line...)
			continue
		}
		dst = appendKB(dst, key, meminfoRows[at].kB(&c.Memory, h))
		next = at + 1
	}
	return dst, nil
}

// parseMeminfo checks what would make a meminfo that programs divide by zero
// with, and reads what the rows borrow.
func parseMeminfo(host []byte, m *view.Memory) (h hostMeminfo, err error) {
	if err := checkWhole(meminfoPath, host); err != nil {
		return h, err
	}
	for _, borrowed := range [...]struct {
		name string
		kB   *uint64
	}{{"MemTotal", &h.totalKB}, {"SwapTotal", &h.swapTotalKB}, {"CommitLimit", &h.commitLimitKB}} {
		line, ok := findLine(host, borrowed.name)
		if !ok {
			continue
		}
		_, value := cutKey(line)
		digits, _ := cutField(value)
		n, ok := parseUint(digits)
		if !ok || n > 1<<54 || n == 0 && borrowed.kB == &h.totalKB {
			return h, templateError(meminfoPath, "not a possible number of kB", line)
		}
		*borrowed.kB = n
	}
	if h.totalKB == 0 {
		return h, templateError(meminfoPath, "no MemTotal", host)
	}
	if m.Limited && m.TotalBytes < kB {
		return h, templateError(meminfoPath, "the container's MemTotal would be 0", nil)
	}
	return h, nil
}

// commitLimitKB is the host's overcommit share of RAM (vm.overcommit_ratio, 50 %
// unless set) applied to the container's, plus its swap: mm/util.c
// vm_commit_limit. The kernel enforces no such limit per cgroup.
func commitLimitKB(m *view.Memory, h hostMeminfo) uint64 {
	swapTotalKB := h.swapTotalKB
	if m.SwapLimited {
		swapTotalKB = m.SwapTotalBytes / kB
	}
	// A container has no more than the host: the quotient fits.
	totalKB := min(m.TotalBytes/kB, h.totalKB)
	hi, lo := bits.Mul64(subtract(h.commitLimitKB, h.swapTotalKB), totalKB)
	shareKB, _ := bits.Div64(hi, lo, h.totalKB)
	return swapTotalKB + shareKB
}

// findRow looks for the exact name; in rows that come in the order asked for,
// the first one it looks at is the right one.
func findRow(rows []meminfoRow, name []byte, from int) int {
	for at := from; at < len(rows); at++ {
		if rows[at].name == string(name) {
			return at
		}
	}
	for at := range from {
		if rows[at].name == string(name) {
			return at
		}
	}
	return -1
}

// appendKB prints a line as fs/proc/meminfo.c show_val_kb does: the name in
// 16 columns, the number in 8. HardwareCorrupted, too long for that, ends in
// the same column.
func appendKB(dst, name []byte, valueKB uint64) []byte {
	start := len(dst)
	dst = append(dst, name...)
	dst = append(dst, ':')
	dst = appendBlanks(dst, 16-(len(dst)-start))
	dst = appendPadded(dst, valueKB, 24-(len(dst)-start))
	return append(dst, " kB\n"...)
}
