package timens

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"strconv"
)

// maxOffsetSec is 73 years, so that sums with it fit an int64 of nanoseconds.
// The kernel allows twice that.
const maxOffsetSec = math.MaxInt64 / int64(1e9) / 4

// Offset reads a file /proc/PID/timens_offsets: how many nanoseconds
// CLOCK_BOOTTIME is ahead of the host's in the time namespace that the
// process's children will be in.
func Offset(file string) (nsec int64, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	if nsec, err = parseOffsets(text); err != nil {
		return 0, fmt.Errorf("%s: %w", file, err)
	}
	return nsec, nil
}

// parseOffsets reads the line of CLOCK_BOOTTIME, "boottime  -1234  567", in
// seconds, and nanoseconds that always count up.
func parseOffsets(text []byte) (int64, error) {
	for line := range bytes.Lines(text) {
		fields := bytes.Fields(line)
		if len(fields) != 3 || string(fields[0]) != "boottime" {
			continue
		}
		sec, err := strconv.ParseInt(string(fields[1]), 10, 64)
		if err != nil || sec < -maxOffsetSec || sec > maxOffsetSec {
			return 0, fmt.Errorf("%.80q is not a number of seconds", fields[1])
		}
		nsec, err := strconv.ParseInt(string(fields[2]), 10, 64)
		if err != nil || nsec < 0 || nsec >= 1e9 {
			return 0, fmt.Errorf("%.80q is not a number of nanoseconds", fields[2])
		}
		return sec*1e9 + nsec, nil
	}
	return 0, fmt.Errorf("no line of boottime in %.80q", text)
}

// formatOffset is what the kernel reads.
func formatOffset(nsec int64) string {
	sec := nsec / 1e9
	if nsec%1e9 < 0 {
		sec--
	}
	return fmt.Sprintf("boottime %d %d", sec, nsec-sec*1e9)
}
