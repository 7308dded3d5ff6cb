package syscallview

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// PinDir is where the programs for the view mounted at mount are pinned: a
// directory of its own for each, so that one podview's end leaves another's
// programs alone. bpffs is a mounted BPF file system, which takes no dots in
// names.
func PinDir(bpffs, mount string) string {
	var name strings.Builder
	for _, c := range []byte(mount) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-':
			name.WriteByte(c)
		default:
			fmt.Fprintf(&name, "_%02x", c)
		}
	}
	return filepath.Join(bpffs, "podview", name.String())
}

// IsBPFFS says whether a BPF file system is mounted at dir.
func IsBPFFS(dir string) bool {
	var fs unix.Statfs_t
	return unix.Statfs(dir, &fs) == nil && fs.Type == unix.BPF_FS_MAGIC
}

// Unpin removes the programs of all features but those to keep. What is not
// attached elsewhere has no effect from then on.
func Unpin(pinDir string, keep ...Feature) error {
	if _, err := os.Stat(pinDir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	kept := map[Feature]bool{}
	for _, f := range keep {
		kept[f] = true
	}
	var problems error
	for _, f := range Features {
		if !kept[f] {
			problems = errors.Join(problems, os.RemoveAll(filepath.Join(pinDir, string(f))))
		}
	}
	// The directories stay while somebody else has something there.
	_ = os.Remove(pinDir)
	_ = os.Remove(filepath.Dir(pinDir))
	return problems
}

// pinOver makes newly pinned what is at path, in one step: whoever was pinned
// there before is not attached any more after it.
func pinOver(pin func(path string) error, path string) error {
	next := path + "_next"
	if err := os.Remove(next); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := pin(next); err != nil {
		return err
	}
	return os.Rename(next, path)
}
