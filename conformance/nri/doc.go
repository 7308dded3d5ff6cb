// Package nri has the real podview-nri serve a container runtime: the
// runtime's end is containerd's own code for it (nri/pkg/adaptation), over a
// socket. The containers are processes with mount and pid namespaces and a
// cgroup of their own, into which the runtime's end mounts what the plugin
// asked for; the view in them is `podview serve`'s.
//
// What a kubelet, containerd and runc add to this is tried by make e2e.
package nri
