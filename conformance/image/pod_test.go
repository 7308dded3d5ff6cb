package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// pod does what a runtime does for the DaemonSet's container: the image as a
// read-only root, /proc, /sys and /dev of the host, the host directory shared
// both ways. The host is a tmpfs in namespaces of its own, which take all of it
// with them when the script ends. $1 is a directory, the rest is the arguments.
const pod = `set -eu
host=$1/host root=$1/root; shift
mount -t tmpfs host "$host" && mount --make-shared "$host"
mkdir -p "$host/var/lib/podview"
mount --bind "$root" "$root"
mkdir -p "$root"/{proc,sys,dev,var/lib/podview,host/sys/fs/cgroup}
mount --rbind /proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount --rbind /sys/fs/cgroup "$root/host/sys/fs/cgroup"
mount --bind "$host/var/lib/podview" "$root/var/lib/podview"
mount -o remount,bind,ro "$root"
chroot "$root" /podview "$@" &
served=$host/var/lib/podview/view/proc/meminfo
for i in $(seq 100); do
	# The links that serve makes first are files too, with the host's text.
	grep -q ' fuse.podview ' /proc/self/mountinfo && cat "$served" >/dev/null && break
	kill -0 $! && sleep 0.1
done
echo "host sees $(head -n 1 "$served")"
grep ' fuse.podview ' /proc/self/mountinfo | grep -q " $host/var/lib/podview/view " && echo "mounted on the host"
kill $! && wait $!
grep ' fuse.podview ' /proc/self/mountinfo | grep -q " $host/var/lib/podview/view " && echo "still mounted"
`

func TestRunsAsInTheDaemonSet(t *testing.T) {
	got := archive(t)
	if err := exec.Command("unshare", "--mount", "--pid", "--net", "--fork", "true").Run(); err != nil {
		t.Skip("needs root and namespaces: unshare: ", err)
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skip("needs FUSE: ", err)
	}
	text, err := os.ReadFile("../../kustomize/daemonset/daemonset.yaml")
	if err != nil {
		t.Fatal(err)
	}
	list := regexp.MustCompile(`(?s)\n        args:\n(.*?)\n        ports:`).FindSubmatch(text)
	if list == nil {
		t.Fatal("the DaemonSet has no args")
	}
	var args []string
	for _, m := range regexp.MustCompile(`(?m)^ +- (.*)$`).FindAllSubmatch(list[1], -1) {
		args = append(args, string(m[1]))
	}
	dir := t.TempDir()
	for _, name := range []string{"host", "root"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, f := range got.images["linux/amd64"].root {
		if err := os.WriteFile(filepath.Join(dir, "root", name), f.content, os.FileMode(f.mode)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("unshare", append([]string{"--mount", "--pid", "--net", "--fork", "--kill-child", "--mount-proc",
		"bash", "-c", pod, "bash", dir}, args...)...)
	out, err := cmd.CombinedOutput()
	t.Logf("podview %s\n%s", strings.Join(args, " "), out)
	if err != nil {
		t.Error(err)
	}
	for _, want := range []string{"host sees MemTotal: ", "mounted on the host", "still mounted"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("it does not say %q", want)
		}
	}
}
