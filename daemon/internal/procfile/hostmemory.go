package procfile

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/podview/podview/daemon/internal/view"
)

// ParseHostMemory takes the machine's own figures from its /proc/meminfo.
// MemTotal and MemAvailable must be there (Linux 3.14).
func ParseHostMemory(meminfo []byte) (view.HostMemory, error) {
	var h view.HostMemory
	known := false // MemAvailable: 0 on a machine that is out of memory
	for _, figure := range [...]struct {
		name  string
		bytes *uint64
	}{{"MemTotal", &h.TotalBytes}, {"MemAvailable", &h.AvailableBytes}, {"SwapTotal", &h.SwapTotalBytes}} {
		line, ok := findLine(meminfo, figure.name)
		if !ok {
			continue
		}
		_, value := cutKey(line)
		digits, _ := bytes.CutSuffix(value, []byte(" kB"))
		kB, err := strconv.ParseUint(string(digits), 10, 53)
		if err != nil {
			return view.HostMemory{}, fmt.Errorf("line %.80q is not in kB", line)
		}
		*figure.bytes = kB * 1024
		known = known || figure.bytes == &h.AvailableBytes
	}
	if h.TotalBytes == 0 || !known {
		return view.HostMemory{}, fmt.Errorf("no MemTotal or MemAvailable in %.80q", meminfo)
	}
	return h, nil
}
