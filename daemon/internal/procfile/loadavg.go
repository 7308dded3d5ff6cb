package procfile

import (
	"strconv"

	"github.com/podview/podview/daemon/internal/view"
)

var loadavg = File{
	Path:   "/proc/loadavg",
	Needs:  NeedLoad,
	Alone:  true,
	Append: appendLoadavg,
	Fields: []Field{
		{"1, 5, 15 minutes", "cgroup.procs", "cgroup.procs",
			"the container's running and uninterruptible threads, averaged with the kernel's formula; the first read assumes that those active now were so since the container's start", "the container's own"},
		{"running/total", "cgroup.procs", "cgroup.procs", "the container's threads", "the container's own"},
		{"last pid", "NSpid of /proc/PID/status", "NSpid of /proc/PID/status", "the reader's own process id, as the container numbers it: the newest it can know of", "the container's own"},
	},
}

// appendLoadavg prints fs/proc/loadavg.c's line. The host's is not needed.
func appendLoadavg(dst, _ []byte, c *view.Container) ([]byte, error) {
	for _, average := range c.Load.Averages {
		dst = appendHundredths(dst, loadHundredths(average))
		dst = append(dst, ' ')
	}
	dst = strconv.AppendInt(dst, int64(max(0, c.Load.Running)), 10)
	dst = append(dst, '/')
	dst = strconv.AppendInt(dst, int64(max(0, c.Load.Total)), 10)
	dst = append(dst, ' ')
	dst = strconv.AppendInt(dst, int64(max(0, c.Load.LastPID)), 10)
	return append(dst, '\n'), nil
}

// loadHundredths rounds as the kernel's FIXED_1/200, LOAD_INT and LOAD_FRAC do.
func loadHundredths(average uint64) uint64 {
	average += view.FixedOne / 200
	return average/view.FixedOne*100 + average%view.FixedOne*100/view.FixedOne
}
