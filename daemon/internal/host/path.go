package host

import (
	"io/fs"
	"os"
	"strings"
)

// Path finds a path of a container, below /proc or /sys, on the host.
func (r Root) Path(path string) string {
	if rest, ok := strings.CutPrefix(path, "/proc"); ok {
		return r.Proc + rest
	}
	return r.Sys + strings.TrimPrefix(path, "/sys")
}

// Has tells whether the host's kernel has it. It is false for /dev/null, too,
// which is how runtimes hide a file.
func (r Root) Has(path string) bool {
	info, err := os.Stat(r.Path(path))
	return err == nil && info.Mode()&fs.ModeDevice == 0
}
