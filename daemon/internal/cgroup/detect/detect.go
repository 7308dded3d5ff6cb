// Package detect finds out which cgroup versions a host has. It is the only
// place that knows both.
package detect

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/containerd/cgroups/v3"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/cgroup/tree"
	"github.com/podview/podview/daemon/internal/cgroup/v1"
	"github.com/podview/podview/daemon/internal/cgroup/v2"
	"github.com/podview/podview/daemon/internal/host"
)

// The modes that Open returns; it also takes "auto". Hybrid is v1 with a
// cgroup2 mounted beside it.
const (
	auto   = "auto"
	pureV1 = "v1"
	hybrid = "hybrid"
	pureV2 = "v2"
)

// v1Mounts is where a controller may be mounted, under root.Cgroup.
var v1Mounts = map[string][]string{
	"memory":  {"memory"},
	"cpu":     {"cpu", "cpu,cpuacct"},
	"cpuacct": {"cpuacct", "cpu,cpuacct"},
	"cpuset":  {"cpuset"},
	"blkio":   {"blkio"},
}

// Open returns where to read each controller, and the mode's name for the
// log. mode is "auto", or "v1" or "v2" to leave the other version alone; a
// version that is not mounted is an error.
func Open(root host.Root, mode string, files *tree.Files) (cgroup.Hierarchies, string, error) {
	found := detect(root)
	name := found
	switch {
	case found == "":
		return cgroup.Hierarchies{}, "", fmt.Errorf("%s: no cgroup hierarchy is mounted there", root.Cgroup)
	case mode == auto:
	case mode == pureV1 && found != pureV2, mode == pureV2 && found != pureV1:
		name = mode
	case mode == pureV1 || mode == pureV2:
		return cgroup.Hierarchies{}, "", fmt.Errorf("%s: no cgroup %s there, but %s", root.Cgroup, mode, found)
	default:
		return cgroup.Hierarchies{}, "", fmt.Errorf("cgroup mode %q is none of auto, v1, v2", mode)
	}
	var sourceV1, sourceV2 cgroup.Source
	var controllersV1, controllersV2, mounted []string
	if name != pureV2 {
		dirs := v1Dirs(root)
		for controller, dir := range dirs {
			controllersV1 = append(controllersV1, controller)
			mounted = append(mounted, dir)
		}
		sourceV1 = v1.New(dirs, files)
	}
	if name != pureV1 {
		dir := unifiedDir(root, found)
		text, err := host.ReadFile(filepath.Join(dir, "cgroup.controllers"), nil)
		if err != nil {
			return cgroup.Hierarchies{}, "", err
		}
		controllersV2 = strings.Fields(string(text))
		mounted = append(mounted, dir)
		sourceV2 = v2.New(dir, files)
	}
	h := cgroup.Choose(sourceV1, sourceV2, controllersV1, controllersV2)
	h.Dirs = mounted
	return h, name, nil
}

// detect returns "" for a directory without cgroups.
func detect(root host.Root) string {
	if root.Cgroup == "/sys/fs/cgroup" {
		// It asks for the file system's type, which a plain directory lacks.
		switch cgroups.Mode() {
		case cgroups.Unified:
			return pureV2
		case cgroups.Hybrid:
			return hybrid
		}
		if len(v1Dirs(root)) == 0 { // Mode takes any other file system for v1
			return ""
		}
		return pureV1
	}
	switch {
	case exists(unifiedDir(root, pureV2), "cgroup.controllers"):
		return pureV2
	case exists(unifiedDir(root, hybrid), "cgroup.controllers"):
		return hybrid
	case len(v1Dirs(root)) > 0:
		return pureV1
	}
	return ""
}

// unifiedDir is where systemd and OpenRC mount cgroup2.
func unifiedDir(root host.Root, found string) string {
	if found == hybrid {
		return filepath.Join(root.Cgroup, "unified")
	}
	return root.Cgroup
}

func v1Dirs(root host.Root) map[string]string {
	dirs := map[string]string{}
	for controller, names := range v1Mounts {
		for _, name := range names {
			if exists(root.Cgroup, name, "cgroup.procs") {
				dirs[controller] = filepath.Join(root.Cgroup, name)
				break
			}
		}
	}
	return dirs
}

func exists(path ...string) bool {
	_, err := os.Stat(filepath.Join(path...))
	return err == nil
}
