package procfile

import "github.com/podview/podview/daemon/internal/view"

var uptime = File{
	Path:   "/proc/uptime",
	Needs:  NeedUptime | NeedTimes,
	Alone:  true,
	Append: appendUptime,
	Fields: []Field{
		{"uptime", "start of the container's first process", "start of the container's first process", "seconds since then; ps, which subtracts start times since the host's boot, gets elapsed times wrong", "the container's own"},
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
	dst = appendHundredths(dst, c.UptimeNsec/nsecPerTick)
	dst = append(dst, ' ')
	dst = appendHundredths(dst, idleTicks)
	return append(dst, '\n'), nil
}
