package procfile

import (
	"bytes"
	"strconv"

	"github.com/podview/podview/daemon/internal/view"
)

const cpuinfoPath = "/proc/cpuinfo"

var cpuinfo = File{
	Path:   cpuinfoPath,
	Needs:  NeedCPUs,
	Append: appendCPUInfo,
	Fields: []Field{
		{"processor", "cpuset.effective_cpus, cpu.cfs_quota_us / cpu.cfs_period_us", "cpuset.cpus.effective, cpu.max",
			"the kernel's numbers of the container's N CPUs; N is the smallest of the quota rounded up, the cpuset and the host's CPUs", "the host's"},
		{"siblings", "", "", "how many of the N are in that package", "the host's"},
		{"cpu cores", "", "", "how many different cores of that package are among the N", "the host's"},
		{"any other line", "", "", "the host's, of that CPU", "the host's"},
	},
}

// appendCPUInfo keeps the stanzas of the container's CPUs, as the kernel leaves
// out those that are off line.
// What is no stanza of a CPU stays ("Hardware" on arm, "timebase" on powerpc).
func appendCPUInfo(dst, host []byte, c *view.Container) ([]byte, error) {
	if err := checkWhole(cpuinfoPath, host); err != nil {
		return nil, err
	}
	if c.CPUs.All {
		return append(dst, host...), nil
	}
	visible := c.CPUs.Shown
	if len(visible) == 0 {
		return nil, templateError(cpuinfoPath, "the container has no CPU", nil)
	}
	packages := countPackages(host, visible, make([]cpuPackage, 0, usualPackages))
	next := 0
	for rest := host; len(rest) > 0; {
		var stanza []byte
		stanza, rest = cutStanza(rest)
		cpu, isCPU := numberIn(stanza, "processor")
		switch {
		case !isCPU:
			dst = append(dst, stanza...)
		case next < len(visible) && cpu == visible[next]:
			dst = appendStanza(dst, stanza, packages)
			next++
		}
	}
	if next < len(visible) { // s390x has no stanzas
		return nil, templateError(cpuinfoPath, "no stanza for CPU "+strconv.Itoa(visible[next]), host)
	}
	return dst, nil
}

// appendStanza copies a CPU's stanza, but for the sizes of its package, which
// are those of the part that the container sees.
func appendStanza(dst, stanza []byte, packages []cpuPackage) []byte {
	siblings, cores := packageOf(stanza, packages)
	for len(stanza) > 0 {
		var line []byte
		line, stanza = cutLine(stanza)
		key, _ := cutKey(line)
		switch {
		case string(key) == "siblings" && siblings > 0:
			dst = appendValue(dst, line, siblings)
		case string(key) == "cpu cores" && cores > 0:
			dst = appendValue(dst, line, cores)
		default:
			dst = append(dst, line...)
		}
	}
	return dst
}

// appendValue copies a line with another value.
func appendValue(dst, line []byte, n int) []byte {
	dst = append(dst, line[:bytes.IndexByte(line, ':')]...)
	dst = append(dst, ": "...)
	dst = strconv.AppendInt(dst, int64(n), 10)
	return append(dst, '\n')
}

// cutStanza splits off the text up to and with the next blank line.
func cutStanza(text []byte) (stanza, rest []byte) {
	if i := bytes.Index(text, []byte("\n\n")); i >= 0 {
		return text[:i+2], text[i+2:]
	}
	return text, nil
}

// numberIn reads the number in a stanza's line of that name; -1 if the line
// has none.
func numberIn(stanza []byte, name string) (n int, hasLine bool) {
	for len(stanza) > 0 {
		var line []byte
		line, stanza = cutLine(stanza)
		if key, value := cutKey(line); string(key) == name {
			n, err := strconv.ParseUint(string(value), 10, 31)
			if err != nil {
				return -1, true
			}
			return int(n), true
		}
	}
	return 0, false
}
