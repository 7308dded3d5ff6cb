package procfile

import (
	"strconv"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/view"
)

const diskstatsPath = "/proc/diskstats"

var diskstats = File{
	Path:   diskstatsPath,
	Needs:  NeedIO,
	Append: appendDiskstats,
	Fields: diskstatsFields(),
}

func diskstatsFields() []Field {
	own := func(name, v1, v2, formula string) Field {
		return Field{name, v1, v2, formula + "; 0 for partitions, which cgroups do not count apart", "the container's own"}
	}
	none := func(name string) Field {
		return Field{name, "", "", "0: cgroups do not count it", "0"}
	}
	const bytesV1, iosV1 = "blkio.*.io_service_bytes_recursive", "blkio.*.io_serviced_recursive"
	return []Field{
		{"major, minor, name", "", "", "the host's devices", "the host's"},
		own("reads", iosV1, "io.stat rios", "the figure"),
		none("reads merged"),
		own("sectors read", bytesV1, "io.stat rbytes", "bytes / 512"),
		none("ms reading"),
		own("writes", iosV1, "io.stat wios", "the figure"),
		none("writes merged"),
		own("sectors written", bytesV1, "io.stat wbytes", "bytes / 512"),
		none("ms writing"),
		none("in flight"), none("ms of I/O"), none("weighted ms of I/O"),
		own("discards", iosV1, "io.stat dios", "the figure"),
		none("discards merged"),
		own("sectors discarded", bytesV1, "io.stat dbytes", "bytes / 512"),
		none("ms discarding"),
		none("flushes"), none("ms flushing"),
	}
}

// sectorBytes is the kernel's unit, whatever the device's.
const sectorBytes = 512

// appendDiskstats keeps the host's devices, which a container sees in /sys
// too, and replaces their figures. A machine without any prints an empty file.
func appendDiskstats(dst, host []byte, c *view.Container) ([]byte, error) {
	if len(host) == 0 {
		return dst, nil
	}
	if err := checkWhole(diskstatsPath, host); err != nil {
		return nil, err
	}
	for len(host) > 0 {
		var line []byte
		line, host = cutLine(host)
		majorText, rest := cutField(line)
		minorText, rest := cutField(rest)
		name, rest := cutField(rest)
		major, okMajor := parseUint(majorText)
		minor, okMinor := parseUint(minorText)
		figures := countFields(rest)
		// 11, and 4 more since Linux 4.18, and 2 more since 5.5.
		if !okMajor || !okMinor || figures < 11 {
			return nil, templateError(diskstatsPath, "not a line of a device", line)
		}
		dst = append(appendPadded(dst, major, 4), ' ')
		dst = append(appendPadded(dst, minor, 7), ' ')
		dst = append(dst, name...)
		dst = appendDiskFigures(dst, findDevice(c.IO, major, minor), figures)
	}
	return dst, nil
}

func findDevice(devices []cgroup.DeviceIO, major, minor uint64) cgroup.DeviceIO {
	for _, d := range devices {
		if uint64(d.Major) == major && uint64(d.Minor) == minor {
			return d
		}
	}
	return cgroup.DeviceIO{}
}

// appendDiskFigures prints n figures in the order of block/genhd.c
// diskstats_show.
func appendDiskFigures(dst []byte, d cgroup.DeviceIO, n int) []byte {
	known := [...]uint64{
		d.ReadIOs, 0, d.ReadBytes / sectorBytes, 0,
		d.WriteIOs, 0, d.WriteBytes / sectorBytes, 0,
		0, 0, 0,
		d.DiscardIOs, 0, d.DiscardBytes / sectorBytes, 0,
	}
	for i := range n {
		figure := uint64(0)
		if i < len(known) {
			figure = known[i]
		}
		dst = append(dst, ' ')
		dst = strconv.AppendUint(dst, figure, 10)
	}
	return append(dst, '\n')
}
