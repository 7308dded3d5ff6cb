package cluster

import (
	"os"
	"path/filepath"
	"strings"
)

// Leftovers names what is still there of a cluster in dir, whose programs are
// in one of the directories bin: processes, mounts, cgroups, files.
func Leftovers(dir string, bin ...string) []string {
	var left []string
	if _, err := os.Lstat(dir); err == nil {
		left = append(left, "directory "+dir)
	}
	for _, cgroup := range cgroupDirs(dir) {
		if _, err := os.Stat(cgroup); err == nil {
			left = append(left, "cgroup "+cgroup)
		}
	}
	mounts, _ := os.ReadFile("/proc/self/mounts")
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); len(f) > 1 && (inside(dir, f[1]) || inside(filepath.Dir(ViewMount), f[1])) {
			left = append(left, "mount "+f[1])
		}
	}
	programs, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, link := range programs {
		program, err := os.Readlink(link)
		if err != nil {
			continue
		}
		for _, b := range bin {
			if inside(b, program) {
				left = append(left, "process "+filepath.Base(filepath.Dir(link))+" "+program)
			}
		}
	}
	return left
}

func inside(dir, path string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }
