package cluster

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Leftovers names what is still there of a cluster in dir: processes, mounts,
// cgroups, files.
func Leftovers(dir string) []string {
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
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, process := range processes {
		if belongsTo(dir, process) {
			left = append(left, "process "+filepath.Base(process))
		}
	}
	return left
}

// belongsTo knows the init by its arguments, and what it started, shims too, by
// the environment. The containers' processes are in the cgroups.
func belongsTo(dir, process string) bool {
	environment, _ := os.ReadFile(process + "/environ")
	if slices.Contains(strings.Split(string(environment), "\x00"), "KUBECONFIG="+Config{Dir: dir}.Kubeconfig()) {
		return true
	}
	arguments, _ := os.ReadFile(process + "/cmdline")
	return strings.HasPrefix(string(arguments), nodeProgram+"\x00") && strings.Contains(string(arguments), `"Dir":"`+dir+`"`)
}

func inside(dir, path string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }
