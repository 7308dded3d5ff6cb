package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// nodeProgram is the argv[0] that makes a program the init of a cluster.
const nodeProgram = "podview-e2e-node"

// Node does not return in a process that Start started as the init.
func Node() {
	if os.Args[0] != nodeProgram {
		return
	}
	report := os.NewFile(3, "report")
	syscall.CloseOnExec(3)
	var config Config
	err := json.Unmarshal([]byte(os.Args[1]), &config)
	if err == nil {
		err = (&node{Config: config}).up()
	}
	if err != nil {
		fmt.Println(err)
		fmt.Fprintln(report, strings.ReplaceAll(err.Error(), "\n", "; "))
		os.Exit(1)
	}
	fmt.Fprintln(report, "ready")
	report.Close()
	if config.Keep {
		select {}
	}
	// Whoever started this holds the other end.
	io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

type node struct {
	Config
	children *children
}

// up takes about five seconds, most of them the API server's.
func (n *node) up() error {
	path := n.Runtime.Containerd + ":" + n.Bin + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	os.Setenv("PATH", path)
	n.children = newChildren(n.LogDir(), []string{"PATH=" + path, "KUBECONFIG=" + n.Kubeconfig()})
	for _, step := range []func() error{n.mounts, n.cgroups, n.network, n.files, n.controlPlane, n.containerd, n.kubelet} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// mounts gives the node directories of its own where its programs write.
// Podview's mount reaches pods only if / is shared, as it is on any node.
func (n *node) mounts() error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return err
	}
	// A copy of somebody's FUSE mount would keep it alive after its end.
	if err := detach("fuse"); err != nil {
		return err
	}
	if err := syscall.Mount("proc", "/proc", "proc", syscall.MS_NOSUID|syscall.MS_NODEV|syscall.MS_NOEXEC, ""); err != nil {
		return err
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_SHARED, ""); err != nil {
		return err
	}
	for _, m := range []struct{ source, target string }{{"lib", "/var/lib"}, {"log", "/var/log"}} {
		if err := syscall.Mount(filepath.Join(n.Dir, m.source), m.target, "", syscall.MS_BIND, ""); err != nil {
			return err
		}
	}
	if n.Runtime.PureV1 {
		if err := detach("cgroup2"); err != nil {
			return err
		}
	}
	return syscall.Mount("tmpfs", "/run", "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, "mode=755")
}

// detach unmounts what has a type that starts with this.
func detach(fstype string) error {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(mounts)) {
		f := strings.Fields(line)
		if len(f) > 2 && strings.HasPrefix(f[2], fstype) {
			if err := syscall.Unmount(f[1], syscall.MNT_DETACH); err != nil {
				return fmt.Errorf("umount %s: %w", f[1], err)
			}
		}
	}
	return nil
}

// cgroups: kubelet wants its root to be there.
func (n *node) cgroups() error {
	for _, dir := range cgroupDirs(n.Dir) {
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return nil
}

// network: a bridge that pods, and a second node's tap device, are plugged into.
func (n *node) network() error {
	for _, command := range []string{
		"link set lo up",
		"addr add " + apiServiceIP + "/32 dev lo",
		"link add " + Bridge + " type bridge",
		"addr add " + NodeIP + "/24 dev " + Bridge,
		"link set " + Bridge + " up",
		// kubelet looks for the node's address at the default route.
		"route add default dev " + Bridge,
	} {
		if err := n.children.run("ip", strings.Fields(command)...); err != nil {
			return err
		}
	}
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644)
}
