package nri

import (
	"slices"

	"github.com/containerd/nri/pkg/api"

	"github.com/podview/podview/daemon/label"
)

// A container with procMount: Unmasked is to mount a /proc of its own, in a
// user namespace in it. The kernel allows that while it sees a /proc with
// nothing over it (fs/namespace.c, mnt_already_visible), so the view stays
// away. The runtime does not tell plugins of procMount: what a container has
// over its /proc does, once it runs (reattach.Unmasked).

// sparesUnmasked tells whether such a container is left alone. Its pod can
// insist. A privileged container has nothing over its /proc either, and gets
// the view as by the policies, which know one from the other; here its
// writable /sys does.
func sparesUnmasked(pod *api.PodSandbox, c *api.Container) bool {
	if pod.GetLabels()[label.UnmaskedKey] == label.Enabled {
		return false
	}
	return !writesSys(c.GetMounts())
}

// writesSys tells a privileged container, by the /sys that its runtime makes it.
func writesSys(mounts []*api.Mount) bool {
	return slices.ContainsFunc(mounts, func(m *api.Mount) bool {
		return m.GetType() == "sysfs" && m.GetDestination() == "/sys" && !slices.Contains(m.GetOptions(), "ro")
	})
}

// ownUsers tells a container of a pod with hostUsers: false.
func ownUsers(c *api.Container) bool {
	return slices.ContainsFunc(c.GetLinux().GetNamespaces(), func(n *api.LinuxNamespace) bool { return n.GetType() == "user" })
}
