package procfile

import (
	"bytes"
	"strconv"
)

// appendBtime shifts the time of boot as the kernel does for the readers in a
// time namespace (fs/proc/stat.c, timens_sub_boottime). The host's line has no
// fraction, so that the result may be a second early, never late: no process
// starts in the future. What isn't a time after 1970 then, stays the host's.
func appendBtime(dst, line, value []byte, offsetNsec int64) []byte {
	btime, ok := parseUint(bytes.TrimSpace(value))
	const maxSec = 1 << 32
	if !ok || btime > maxSec {
		return append(dst, line...)
	}
	shifted := int64(btime)*1e9 - offsetNsec
	if shifted < 0 {
		return append(dst, line...)
	}
	dst = append(dst, "btime "...)
	dst = strconv.AppendInt(dst, shifted/1e9, 10)
	return append(dst, '\n')
}
