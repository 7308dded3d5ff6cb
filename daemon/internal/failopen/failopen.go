// Package failopen lays out what is under the mountpoint: a symbolic link to
// the host's own file for everything that the view has, under the same name.
//
// A pod's hostPath volume names a file of the view. With the view mounted it
// finds that; with no podview running it finds the link, so that the pod
// starts and sees the host, instead of not starting. It gets the view when
// podview is back (package reattach).
package failopen

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/paths"
)

// Make leaves dir, where nothing may be mounted, with a link for each emulated
// path: dir/proc/meminfo → /proc/meminfo. found is true when there were links
// of earlier calls.
//
// A link to what the host's kernel lacks would lead nowhere, and no volume
// would be found there. An optional path that lacks names has a stand-in
// instead: an empty directory, or a file with its header only. On another
// kernel, after a reboot, the one takes the other's place.
//
// Anything else in dir is left alone: also links of paths that another version
// of podview emulates, which a pod that was made under it still names. Where it
// is in a link's place the error names it, and the others are made all the
// same.
func Make(dir string, emulated []paths.Path, lacks func(paths.Path) bool) (found bool, err error) {
	switch info, err := os.Lstat(dir); {
	case err != nil:
		return false, err
	case !info.IsDir():
		return false, fmt.Errorf("%s is not a directory, and has no place for links", dir)
	}
	for _, p := range emulated {
		file := filepath.Join(dir, p.Path)
		linked := leadsTo(file, p.Path)
		found = found || linked
		switch {
		case p.Optional && lacks(p):
			err = errors.Join(err, placeStandIn(file, p, linked))
		case !linked && !(p.Rare && lacks(p)): // no volume names what is rare
			err = errors.Join(err, placeLink(file, p))
		}
	}
	return found, err
}

// placeLink makes one link, and the directories above it. symlink(2) makes the
// name and what it leads to in one step, so nobody finds half of it.
func placeLink(file string, p paths.Path) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if isStandIn(file, p) {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	err := os.Symlink(p.Path, file)
	if errors.Is(err, fs.ErrExist) {
		if leadsTo(file, p.Path) { // made by another podview meanwhile
			return nil
		}
		return fmt.Errorf("%s is in the way of a link to %s", file, p.Path)
	}
	return err
}

// placeStandIn makes one in the place of a link, or of nothing.
func placeStandIn(file string, p paths.Path, linked bool) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if linked {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	var err error
	if p.Dir {
		err = os.Mkdir(file, 0o555)
	} else {
		err = createWhole(file, p.Nothing, fs.FileMode(p.Mode))
	}
	if errors.Is(err, fs.ErrExist) {
		if isStandIn(file, p) {
			return nil
		}
		return fmt.Errorf("%s is in the way of what stands in for %s, which this kernel lacks", file, p.Path)
	}
	return err
}

// createWhole makes a file that is never seen without its text.
func createWhole(file, text string, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+"-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Chmod(mode), f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), file)
}

// isStandIn tells one of ours: nothing can be lost with it.
func isStandIn(file string, p paths.Path) bool {
	info, err := os.Lstat(file)
	switch {
	case err != nil || !p.Optional:
		return false
	case p.Dir:
		names, err := os.ReadDir(file)
		return info.IsDir() && err == nil && len(names) == 0
	case !info.Mode().IsRegular() || info.Size() != int64(len(p.Nothing)):
		return false
	}
	text, err := os.ReadFile(file)
	return err == nil && string(text) == p.Nothing
}

// leadsTo tells a link of ours: it leads to the path that it is named after.
func leadsTo(file, target string) bool {
	got, err := os.Readlink(file)
	return err == nil && got == target
}

// Under calls f with a name of the directory that is under the mount at dir.
// The mount stays, and is not touched: f sees a clone of the file system that
// dir is in, which has no mounts.
func Under(dir string, f func(under string) error) error {
	parent, err := unix.OpenTree(unix.AT_FDCWD, filepath.Dir(dir), unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return fmt.Errorf("look under %s: %w", dir, err)
	}
	defer unix.Close(parent)
	return f(fmt.Sprintf("/proc/self/fd/%d/%s", parent, filepath.Base(dir)))
}
