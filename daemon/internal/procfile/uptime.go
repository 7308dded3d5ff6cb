package procfile

import "github.com/podview/podview/daemon/internal/view"

var uptime = File{
	Path:   "/proc/uptime",
	Needs:  NeedUptime | NeedTimes,
	Alone:  true,
	Append: appendUptime,
	Fields: []Field{
		{"uptime", "start of the container's first process", "start of the container's first process", "seconds since then; in a time namespace, since its start, as the kernel counts. With `--uptime=node` the host's line, except in a time namespace", "the container's own"},
		{"idle", "cpuacct.usage_all", "cpu.stat", "the idle columns of /proc/stat, summed, in seconds", "the container's own"},
	},
}

// appendUptime prints fs/proc/uptime.c's line. The host's is not needed.
func appendUptime(dst, _ []byte, c *view.Container) ([]byte, error) {
	if len(c.Times) == 0 {
		return nil, templateError("/proc/uptime", "no CPU times of the container", nil)
	}
	// In ticks, as /proc/stat prints them, so that the two files agree; the
	// nanoseconds of a large machine's CPUs overflow in months.
	var idleTicks uint64
	for _, t := range c.Times {
		idleTicks += t.IdleNsec / nsecPerTick
	}
	up := c.UptimeNsec
	if c.InTimeNamespace { // else ages by start times would be wrong
		up = c.BootNsec
	}
	dst = appendHundredths(dst, up/nsecPerTick)
	dst = append(dst, ' ')
	dst = appendHundredths(dst, idleTicks)
	return append(dst, '\n'), nil
}
