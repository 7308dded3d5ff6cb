// Package mountinfo knows what is mounted where, from the kernel's own list
// (/proc/PID/mountinfo), and whether anybody still serves a mount of ours.
package mountinfo

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ViewType is the file system type of a view, podview's FUSE mount.
const ViewType = "fuse.podview"

// Mount is one line of mountinfo (proc_pid_mountinfo(5)).
type Mount struct {
	ID, Parent int
	// Dev names the superblock, "MAJOR:MINOR"; no two that exist at a time
	// have the same, whatever namespaces they are in.
	Dev string
	// Root is what of the file system is mounted, Point where, as the
	// process sees it.
	Root, Point string
	FSType      string
}

// Read reads a mountinfo file.
func Read(file string) ([]Mount, error) {
	return ReadAtMost(file, math.MaxInt/lineBytes)
}

// lineBytes is more than a line has on average.
const lineBytes = 400

// ReadAtMost refuses a file of more mounts, without reading it to its end. A
// process with a user namespace may make as many as fs.mount-max allows.
func ReadAtMost(file string, mounts int) ([]Mount, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, int64(mounts*lineBytes)))
	if err != nil {
		return nil, err
	}
	if len(text) == mounts*lineBytes || bytes.Count(text, []byte{'\n'}) > mounts {
		return nil, fmt.Errorf("%s has more than %d mounts, too many to look at", file, mounts)
	}
	all, err := Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return all, nil
}

// Parse reads the text of mountinfo.
func Parse(text string) ([]Mount, error) {
	var mounts []Mount
	for line := range strings.Lines(text) {
		m, ok := parseLine(line)
		if !ok {
			return nil, fmt.Errorf("line %.200q is not ID PARENT MAJOR:MINOR ROOT POINT OPTIONS - TYPE", line)
		}
		mounts = append(mounts, m)
	}
	return mounts, nil
}

func parseLine(line string) (m Mount, ok bool) {
	mount, fsPart, found := strings.Cut(line, " - ")
	fields, fsFields := strings.Fields(mount), strings.Fields(fsPart)
	if !found || len(fields) < 6 || len(fsFields) < 1 {
		return m, false
	}
	id, err := strconv.Atoi(fields[0])
	parent, errParent := strconv.Atoi(fields[1])
	return Mount{
		ID: id, Parent: parent, Dev: fields[2],
		Root: unescape.Replace(fields[3]), Point: unescape.Replace(fields[4]), FSType: fsFields[0],
	}, err == nil && errParent == nil
}

// unescape undoes the kernel's mangling of names (fs/proc_namespace.c).
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

// prefixes are the directories on the way to path, and path.
func prefixes(path string) []string {
	all := []string{"/"}
	for i := 1; i < len(path); i++ {
		if path[i] == '/' {
			all = append(all, path[:i])
		}
	}
	if path != "/" {
		all = append(all, path)
	}
	return all
}

// On returns the mount that shows at dir in our own namespace. ok is false
// when nothing is mounted there.
func On(dir string) (m Mount, ok bool, err error) {
	// EvalSymlinks of the parent only: dir itself may be a dead mount.
	parent, err := filepath.EvalSymlinks(filepath.Dir(dir))
	if err != nil {
		return Mount{}, false, err
	}
	if parent, err = filepath.Abs(parent); err != nil {
		return Mount{}, false, err
	}
	mounts, err := Read("/proc/self/mountinfo")
	if err != nil {
		return Mount{}, false, err
	}
	there := At(mounts, filepath.Join(parent, filepath.Base(dir)))
	if len(there) == 0 {
		return Mount{}, false, nil
	}
	return there[len(there)-1], true, nil
}
