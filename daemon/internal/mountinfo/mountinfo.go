// Package mountinfo knows what is mounted where, from the kernel's own list
// (/proc/PID/mountinfo), and whether anybody still serves a mount of ours.
package mountinfo

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	mounts, err := Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return mounts, nil
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

// At returns the mounts that whoever opens path finds exactly there, the
// lowest first, so that the last one is what shows. A mount that another one
// further up hides is not among them.
//
// It goes the kernel's way: from the root down, at each name onto whatever
// is mounted there. The first mount is one whose parent is not in the list,
// because the process cannot see it.
func At(mounts []Mount, path string) []Mount {
	var there []Mount
	under := 0 // the mount that the walk is in
	for _, prefix := range prefixes(path) {
		there = nil
		for range mounts { // a bound, should the list have a circle
			i := slices.IndexFunc(mounts, func(m Mount) bool {
				return m.Point == prefix && m.ID != under && (m.Parent == under || under == 0 && top(mounts, m))
			})
			if i < 0 {
				break
			}
			there = append(there, mounts[i])
			under = mounts[i].ID
		}
	}
	return there
}

// In returns the mount that whoever opens path finds it in: the last one at
// path or, with none there, at the nearest directory above that has one.
func In(mounts []Mount, path string) (m Mount, ok bool) {
	for _, prefix := range slices.Backward(prefixes(path)) {
		if there := At(mounts, prefix); len(there) > 0 {
			return there[len(there)-1], true
		}
	}
	return Mount{}, false
}

// top tells whether the list lacks m's parent. An initramfs is its own.
func top(mounts []Mount, m Mount) bool {
	return m.Parent == m.ID || !slices.ContainsFunc(mounts, func(other Mount) bool { return other.ID == m.Parent })
}

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

// Children returns the mounts whose mount point is in m itself.
func Children(mounts []Mount, m Mount) []Mount {
	var all []Mount
	for _, other := range mounts {
		if other.Parent == m.ID && other.ID != m.ID {
			all = append(all, other)
		}
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
