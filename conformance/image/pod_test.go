package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// rollout does what kubelet and a runtime do for the DaemonSet: a pod, and then
// a second one that takes over, whereupon the first is told to end. Each has the
// image as a read-only root, /proc, /sys and /dev of the host, a network of its
// own, and the host directory shared both ways. The host is a tmpfs in
// namespaces that take all of it with them when the script ends. $1 is a
// directory, the rest is the arguments.
const rollout = `set -eu
export host=$1/host root=$1/root; shift
mount -t tmpfs host "$host" && mount --make-shared "$host"
mkdir -p "$host"/{var/lib,run}/podview "$root"/{proc,sys,dev,{var/lib,run}/podview,host/sys/fs/cgroup}
served=$host/var/lib/podview/view/proc/meminfo
start() {
	unshare --mount --net --propagation unchanged bash -euc '
		mount --bind "$root" "$root"
		mount --rbind /proc "$root/proc"
		mount --rbind /sys "$root/sys"
		mount --rbind /dev "$root/dev"
		mount --rbind /sys/fs/cgroup "$root/host/sys/fs/cgroup"
		mount --rbind "$host/var/lib/podview" "$root/var/lib/podview"
		mount --bind "$host/run/podview" "$root/run/podview"
		mount -o remount,bind,ro "$root"
		exec chroot "$root" /podview "$@"' bash "$@" &
}
mounted() { grep ' fuse.podview ' /proc/self/mountinfo | grep -c " $host/var/lib/podview/view "; }
start "$@"; first=$!
for i in $(seq 300); do
	mounted >/dev/null && break
	kill -0 $first && sleep 0.1
done
echo "the host sees $(head -n 1 "$served")"
(while :; do cat "$served" >/dev/null || echo "a read failed"; done) & reader=$!
start "$@" 2>"$host/second.log"; second=$!
for i in $(seq 300); do
	grep '"Serving"' "$host/second.log" && break
	kill -0 $second && sleep 0.1
done
# kubelet ends the first when the second is ready.
kill $first && wait $first && echo "the first left"
sleep 1
kill $reader
echo "the host still sees $(head -n 1 "$served") of $(mounted) mount"
kill $second && wait $second
echo "at the end $(mounted) mount, and $(readlink "$served")"
`

func TestRollout(t *testing.T) {
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
		if err := os.WriteFile(filepath.Join(dir, "root", name), f.Content, os.FileMode(f.Mode)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("unshare", append([]string{"--mount", "--pid", "--net", "--fork", "--kill-child", "--mount-proc",
		"bash", "-c", rollout, "bash", dir}, args...)...)
	// A first pod that never leaves is killed with all the rest.
	timeout := time.AfterFunc(3*time.Minute, func() { _ = cmd.Process.Kill() })
	defer timeout.Stop()
	out, err := cmd.CombinedOutput()
	t.Logf("podview %s\n%s", strings.Join(args, " "), out)
	if err != nil {
		t.Error(err)
	}
	for _, want := range []string{
		`the host sees MemTotal: .*`, `the first left`, `the host still sees MemTotal: .* of 1 mount`, `at the end 0 mount, and /proc/meminfo`,
	} {
		if !regexp.MustCompile(`(?m)^` + want + `$`).Match(out) {
			t.Errorf("it does not say %q", want)
		}
	}
	if strings.Contains(string(out), "a read failed") {
		t.Error("a read failed during the hand-over")
	}
}
