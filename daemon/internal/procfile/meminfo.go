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
		at := next
		if at == len(meminfoRows) || !isNamed(line, meminfoRows[at].name) {
			name, _ := cutKey(line)
			at = findRow(meminfoRows, name, next)
		}
		if at < 0 || !meminfoRows[at].applies(&c.Memory) {
			dst = append(dst, line...)
			continue
		}
		dst = appendKB(dst, meminfoRows[at].name, meminfoRows[at].kB(&c.Memory, h))
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

// findRow looks for the exact name; of rows that come in the order asked for,
// the first ones it looks at are the right ones.
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

func isNamed(line []byte, name string) bool {
	return len(line) > len(name) && line[len(name)] == ':' && string(line[:len(name)]) == name
}

// kBLine is a line as fs/proc/meminfo.c show_val_kb prints it: the name in 16
// columns, the number in 8. HardwareCorrupted, too long for that, ends in the
// same column.
const (
	kBLine     = "                         kB\n"
	nameColumn = 16
	kBColumn   = 24
)

func appendKB[N ~string | ~[]byte](dst []byte, name N, valueKB uint64) []byte {
	if len(name) >= kBColumn {
		return appendLongKB(dst, name, valueKB)
	}
	start := len(dst)
	dst = append(dst, kBLine...)
	line, at := dst[start:], kBColumn
	copy(line, name)
	line[len(name)] = ':'
	for rest := valueKB; ; rest /= 10 {
		if at == max(nameColumn, len(name)+1) {
			return appendLongKB(dst[:start], name, valueKB)
		}
		at--
		line[at] = byte('0' + rest%10)
		if rest < 10 {
			return dst
		}
	}
}

// appendLongKB is for a number that needs more columns.
func appendLongKB[N ~string | ~[]byte](dst []byte, name N, valueKB uint64) []byte {
	start := len(dst)
	dst = append(append(dst, name...), ':')
	dst = appendBlanks(dst, nameColumn-(len(dst)-start))
	dst = appendPadded(dst, valueKB, kBColumn-(len(dst)-start))
	return append(dst, kBLine[kBColumn:]...)
}
