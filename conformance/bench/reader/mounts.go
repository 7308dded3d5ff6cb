package reader

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// enter makes the mounts of a container. It must run in a mount namespace of
// its own.
func enter(views []View, files []string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the mounts private: %w", err)
	}
	for _, v := range views {
		if err := v.mount(files); err != nil {
			return err
		}
	}
	return nil
}

func (v View) mount(files []string) error {
	proc, sys := filepath.Join(v.Root, "proc"), filepath.Join(v.Root, "sys")
	if err := unix.Mount("proc", proc, "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount %s: %w", proc, err)
	}
	if err := unix.Mount("/sys", sys, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("bind /sys to %s: %w", sys, err)
	}
	if v.Source == "" {
		return nil
	}
	for _, point := range bindPoints(files) {
		source, target := filepath.Join(v.Source, point), filepath.Join(v.Root, point)
		if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("bind %s to %s: %w\n%s", source, target, err, scene(v.Source, source, target))
		}
	}
	return nil
}

// bindPoints are the files, and for those of /sys the directory that they are
// in: it is bound as a whole, in podview's pods and lxcfs's alike.
func bindPoints(files []string) (points []string) {
	seen := map[string]bool{}
	for _, file := range files {
		if strings.HasPrefix(file, "/sys/") {
			file = path.Dir(file)
		}
		if !seen[file] {
			points = append(points, file)
		}
		seen[file] = true
	}
	return points
}

// scene says what can be said about a bind that failed: "no such file" alone
// does not tell whether source or target is missing, or what served it.
func scene(view, source, target string) string {
	var b strings.Builder
	for _, file := range []string{source, target} {
		if info, err := os.Lstat(file); err != nil {
			fmt.Fprintf(&b, "  lstat: %v\n", err)
		} else {
			fmt.Fprintf(&b, "  lstat %s: %v\n", file, info.Mode())
		}
	}
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		fmt.Fprintf(&b, "  %v\n", err)
	}
	for line := range strings.Lines(string(table)) {
		if fields := strings.Fields(line); len(fields) > 4 && fields[4] == view {
			fmt.Fprintf(&b, "  mounted: %s", line)
		}
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(view, &fs); err != nil {
		return b.String() + fmt.Sprintf("  statfs %s: %v", view, err)
	}
	return b.String() + fmt.Sprintf("  statfs %s: type %#x", view, fs.Type)
}
