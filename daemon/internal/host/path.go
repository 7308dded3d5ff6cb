package host

import "strings"

// Path finds a path of a container, below /proc or /sys, on the host.
func (r Root) Path(path string) string {
	if rest, ok := strings.CutPrefix(path, "/proc"); ok {
		return r.Proc + rest
	}
	return r.Sys + strings.TrimPrefix(path, "/sys")
}
