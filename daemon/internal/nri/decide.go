// Package nri is the plugin that has the container runtime mount the view, by
// NRI, the Node Resource Interface of containerd and CRI-O. Nothing in a pod's
// specification changes, so Pod Security has nothing to refuse.
//
// The runtime holds one lock while it asks its plugins, so everything that it
// asks is decided in memory (decide.go). Whether the view can be bound at all
// is found out in the background (health.go), and containers that run without
// it get it later, from outside (attach.go).
package nri

import (
	"path"
	"slices"
	"strings"

	"github.com/containerd/nri/pkg/api"

	"github.com/podview/podview/daemon/label"
	"github.com/podview/podview/daemon/paths"
)

// Rules are what the plugin was told.
type Rules struct {
	// View is where the view is mounted.
	View string
	// Namespaces have pods that get the view without the label.
	Namespaces []string
	// Handlers are runtime handlers whose pods get the view, besides the
	// default one: Kata and gVisor have a /proc of their own.
	Handlers []string
	// Pressure attaches /proc/pressure, too.
	Pressure bool
}

// Wants tells whether a pod's containers are to have the view.
func (r Rules) Wants(pod *api.PodSandbox) bool {
	if handler := pod.GetRuntimeHandler(); handler != "" && !slices.Contains(r.Handlers, handler) {
		return false
	}
	switch pod.GetLabels()[label.Key] {
	case label.Enabled:
		return true
	case label.Disabled:
		return false
	}
	return slices.Contains(r.Namespaces, pod.GetNamespace())
}

// Mounts are added to a container that is created with these, from a view
// that has the paths in has. There is nothing for a path where something is
// mounted already, be it the pod's own or the view, by another podview or a
// hostPath volume: NRI would replace the one, and refuse the other.
func (r Rules) Mounts(existing []*api.Mount, has []string) []*api.Mount {
	var add []*api.Mount
	for _, p := range paths.All {
		// runc refuses the others, and the container with them.
		if !p.Everywhere || !slices.Contains(has, p.Path) || keepsOwn(existing, p) ||
			slices.ContainsFunc(existing, func(m *api.Mount) bool { return covers(m, p.Path) }) {
			continue
		}
		add = append(add, &api.Mount{
			Destination: p.Path, Source: r.View + p.Path, Type: "bind",
			// Private, because what is mounted on the source later, after a
			// restart, is no business of the container.
			Options: []string{"bind", "ro", "nosuid", "nodev", "noexec", "rprivate"},
		})
	}
	return add
}

// Attachable are the paths that a running container is to have, whether it
// has them or not: all but those that a mount of the pod's own covers.
func (r Rules) Attachable(existing []*api.Mount, has []string) []string {
	var all []string
	for _, p := range paths.All {
		if (p.Everywhere || r.Pressure) && slices.Contains(has, p.Path) && !keepsOwn(existing, p) && !slices.ContainsFunc(existing, func(m *api.Mount) bool {
			return covers(m, p.Path) && m.GetSource() != r.View+p.Path
		}) {
			all = append(all, p.Path)
		}
	}
	return all
}

// keepsOwn tells a directory that the view would take something from: one in
// which the pod has a mount of its own, and those of /sys in a privileged
// container, which may write there. The policies leave out the same.
func keepsOwn(existing []*api.Mount, p paths.Path) bool {
	if !p.Dir {
		return false
	}
	return strings.HasPrefix(p.Path, "/sys/") && writesSys(existing) ||
		slices.ContainsFunc(existing, func(m *api.Mount) bool { return strings.HasPrefix(path.Clean(m.GetDestination()), p.Path+"/") })
}

// covers: at the path or above it, except for the mounts that every container
// has.
func covers(m *api.Mount, emulated string) bool {
	at := path.Clean(m.GetDestination())
	switch {
	case at == "/proc" && m.GetType() == "proc", at == "/sys" && m.GetType() == "sysfs":
		return false
	}
	return at == "/" || at == emulated || strings.HasPrefix(emulated, at+"/")
}
