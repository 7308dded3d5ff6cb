package caller

import (
	"iter"
	"strings"

	"github.com/podview/podview/daemon/internal/cgroup"
)

// containerPlace decides which cgroup is the caller's container, given the
// caller's own and that of its pid namespace's init, in one hierarchy.
func containerPlace(own, init string) cgroup.Place {
	// systemd as pid 1 of a container moves itself into init.scope.
	init = strings.TrimSuffix(init, "/init.scope")
	if init == "" {
		init = "/"
	}
	// An init in the hierarchy's root confines nobody.
	if init != "/" && isBelow(own, init) {
		return cgroup.Place{Leaf: own, Root: init}
	}
	if level, ok := containerLevel(own); ok {
		return cgroup.Place{Leaf: own, Root: level}
	}
	// A process that entered the pid namespace from outside and kept its own
	// cgroup (nsenter from a host shell) came to see what the container sees.
	if init != "/" && (isBelow(init, own) || firstComponent(init) != firstComponent(own)) {
		return cgroup.Place{Leaf: init, Root: init}
	}
	return cgroup.Place{Leaf: own, Root: own}
}

// isBelow tells whether cgroup path p is top or inside it.
func isBelow(p, top string) bool {
	if top == "/" {
		return true
	}
	return strings.HasPrefix(p, top) && (len(p) == len(top) || p[len(top)] == '/')
}

func firstComponent(path string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return first
}

// containerLevel finds the container in a cgroup path by its name, for
// callers whose pid namespace can't tell (hostPID, shareProcessNamespace).
// Names are only used to find a boundary, never for limits. Known are
// kubelet's two cgroup drivers, …/kubepods/burstable/podUID/CONTAINER and
// …/kubepods-burstable-podUID.slice/CONTAINER.scope, and a 64-digit container
// id as docker, containerd and podman use.
func containerLevel(path string) (string, bool) {
	end := -1
	for stop := range containerLevels(path) {
		end = stop
	}
	if end < 0 {
		return "", false
	}
	return path[:end], true
}

// Outermost is the container that the one at path is in, as deep as it may be;
// path itself where names don't tell.
func Outermost(path string) string {
	for stop := range containerLevels(path) {
		return path[:stop]
	}
	return path
}

// containerLevels is where the names of containers end in a cgroup path.
func containerLevels(path string) iter.Seq[int] {
	return func(yield func(int) bool) {
		eachContainerLevel(path, yield)
	}
}

func eachContainerLevel(path string, yield func(end int) bool) {
	afterPod, inKubepods := false, false
	for start := 0; start < len(path); {
		stop := strings.IndexByte(path[start+1:], '/')
		if stop < 0 {
			stop = len(path)
		} else {
			stop += start + 1
		}
		name := path[start+1 : stop]
		if (afterPod || isContainerID(name)) && !yield(stop) {
			return
		}
		if strings.HasPrefix(name, "kubepods") || strings.HasSuffix(name, "-kubepods.slice") {
			inKubepods = true
		}
		afterPod = inKubepods && (strings.HasPrefix(name, "pod") ||
			strings.HasSuffix(name, ".slice") && strings.Contains(name, "-pod"))
		inKubepods = inKubepods && !afterPod // what is named so further in is the container's own
		start = stop
	}
}

// isContainerID matches ID, ID.scope and RUNTIME-ID.scope.
func isContainerID(name string) bool {
	name = strings.TrimSuffix(name, ".scope")
	if i := strings.LastIndexByte(name, '-'); i >= 0 {
		name = name[i+1:]
	}
	if len(name) != 64 {
		return false
	}
	for _, c := range name {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
