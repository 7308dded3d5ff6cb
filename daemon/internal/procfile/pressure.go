package procfile

import (
	"bytes"

	"github.com/podview/podview/daemon/internal/view"
)

var (
	pressureCPU    = pressureFile("/proc/pressure/cpu", "cpu.pressure", "some", "full")
	pressureIO     = pressureFile("/proc/pressure/io", "io.pressure", "some", "full")
	pressureMemory = pressureFile("/proc/pressure/memory", "memory.pressure", "some", "full")
	// Interrupts take the time of all tasks of a CPU alike, so there is no some.
	pressureIRQ = pressureFile("/proc/pressure/irq", "irq.pressure", "full")
)

func pressureFile(path, source string, lines ...string) File {
	var fields []Field
	for _, name := range lines {
		fields = append(fields, Field{name, "the host's; on hybrid hosts as on v2", source, "the cgroup's", "the container's own"})
	}
	return File{
		Path:  path,
		Needs: NeedPressure,
		Alone: true,
		Append: func(dst, _ []byte, c *view.Container) ([]byte, error) {
			return appendPressure(dst, path, c.Raw)
		},
		Fields: fields,
	}
}

// appendPressure passes the cgroup's file through, which is in the format of
// the machine's (kernel/sched/psi.c psi_show prints both).
func appendPressure(dst []byte, path string, raw []byte) ([]byte, error) {
	if len(raw) == 0 {
		return nil, templateError(path, "the cgroup has no pressure file", nil)
	}
	for rest := raw; len(rest) > 0; {
		var line []byte
		line, rest = cutLine(rest)
		if !isPressureLine(line) {
			return nil, templateError(path, "not a line of pressure", line)
		}
	}
	return append(dst, raw...), nil
}

// isPressureLine: "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n", or full.
func isPressureLine(line []byte) bool {
	if !bytes.HasSuffix(line, []byte("\n")) {
		return false
	}
	kind, rest := cutField(line)
	if string(kind) != "some" && string(kind) != "full" {
		return false
	}
	for _, name := range [...]string{"avg10", "avg60", "avg300", "total"} {
		var field []byte
		field, rest = cutField(rest)
		key, value, _ := bytes.Cut(field, []byte("="))
		whole, hundredths, isDecimal := bytes.Cut(value, []byte("."))
		if isDecimal != (name != "total") {
			return false
		}
		if isDecimal && (len(hundredths) != 2 || !isNumber(hundredths)) {
			return false
		}
		if string(key) != name || !isNumber(whole) {
			return false
		}
	}
	return len(bytes.TrimSpace(rest)) == 0
}

func isNumber(text []byte) bool {
	_, ok := parseUint(text)
	return ok
}
