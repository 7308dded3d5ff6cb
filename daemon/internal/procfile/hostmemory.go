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
	for line := range bytes.Lines(meminfo) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		var bytesOf *uint64
		switch string(name) {
		case "MemTotal":
			bytesOf = &h.TotalBytes
		case "MemAvailable":
			bytesOf, known = &h.AvailableBytes, true
		case "SwapTotal":
			bytesOf = &h.SwapTotalBytes
		default:
			continue
		}
		digits, _ := bytes.CutSuffix(bytes.TrimSpace(value), []byte(" kB"))
		kB, err := strconv.ParseUint(string(digits), 10, 53)
		if err != nil {
			return view.HostMemory{}, fmt.Errorf("line %.80q is not in kB", line)
		}
		*bytesOf = kB * 1024
	}
	if h.TotalBytes == 0 || !known {
		return view.HostMemory{}, fmt.Errorf("no MemTotal or MemAvailable in %.80q", meminfo)
	}
	return h, nil
}
