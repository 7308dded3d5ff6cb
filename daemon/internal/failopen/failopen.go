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
	"slices"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/paths"
)

// Make leaves dir, where nothing may be mounted, with exactly one link for
// each emulated path: dir/proc/meminfo → /proc/meminfo. Links that an earlier
// call made for other paths are removed; found is true when there were links
// of earlier calls, of whatever path.
//
// Anything else in dir is left alone. Where that is in a link's place the
// error names it, and the other links are made all the same.
func Make(dir string, emulated []paths.Path) (found bool, err error) {
	if found, err = removeStale(dir, emulated); err != nil {
		return found, err
	}
	for _, p := range emulated {
		err = errors.Join(err, link(dir, p.Path))
	}
	return found, err
}

// removeStale removes the links whose paths are not emulated any more.
func removeStale(dir string, emulated []paths.Path) (found bool, err error) {
	err = filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.Type() != fs.ModeSymlink {
			return err
		}
		name, err := filepath.Rel(dir, file)
		target := "/" + name
		if err != nil || !leadsTo(file, target) {
			return err
		}
		found = true
		if slices.ContainsFunc(emulated, func(p paths.Path) bool { return p.Path == target }) {
			return nil
		}
		return os.Remove(file)
	})
	return found, err
}

// link makes one link, and the directories above it. symlink(2) makes the
// name and what it leads to in one step, so nobody finds half of it.
func link(dir, target string) error {
	file := filepath.Join(dir, target)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	err := os.Symlink(target, file)
	if errors.Is(err, fs.ErrExist) {
		if leadsTo(file, target) {
			return nil
		}
		return fmt.Errorf("%s is in the way of a link to %s", file, target)
	}
	return err
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
