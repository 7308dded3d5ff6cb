package nri

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/containerd/nri/pkg/api"
	"golang.org/x/sys/unix"
)

// hostPID in a pod's name has its containers in the host's pid namespace.
const hostPID = "host-pid"

// namespaces are those of a pod's containers, as a runtime tells them.
func namespaces(pod *api.PodSandbox) []*api.LinuxNamespace {
	all := []*api.LinuxNamespace{{Type: "mount"}, {Type: "ipc", Path: "/proc/1/ns/ipc"}}
	if pod.Name != hostPID {
		all = append(all, &api.LinuxNamespace{Type: "pid"})
	}
	return all
}

// timeNamespace is the path of a container's, "" for none.
func timeNamespace(c *api.Container) (path string) {
	for _, n := range c.GetLinux().GetNamespaces() {
		if n.Type == "time" {
			path = n.Path
		}
	}
	return path
}

// inTime runs this binary in the time namespace, as runc has a container join
// one.
func inTime(t *testing.T, path string) *exec.Cmd {
	t.Helper()
	if path == "" {
		return exec.Command("/proc/self/exe")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exec.Command("nsenter", "--time="+path, "--no-fork", self)
}

func needTimeNamespaces(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/proc/self/ns/time"); err != nil {
		t.Skip(err)
	}
	if out, err := exec.Command("nsenter", "--time=/proc/self/ns/time", "--no-fork", "true").CombinedOutput(); err != nil {
		t.Skipf("nsenter: %v: %s", err, out)
	}
}

// clockOf is the container's uptime, and when its first process started.
func (p *process) clockOf(t *testing.T) (uptime, started float64) {
	t.Helper()
	first, _, _ := strings.Cut(p.ask(t, "/proc/uptime"), " ")
	uptime, err := strconv.ParseFloat(first, 64)
	stat := p.ask(t, "/proc/1/stat")
	fields := strings.Fields(stat[strings.LastIndex(stat, ")")+1:])
	if err != nil || len(fields) < 20 {
		t.Fatalf("uptime %q, stat %q: %v", first, stat, err)
	}
	ticks, err := strconv.ParseFloat(fields[19], 64) // the 22nd of proc(5)
	if err != nil {
		t.Fatalf("stat %q: %v", stat, err)
	}
	return uptime, ticks / 100
}

// hostUptime is what a start time can't reach in a container's own clock.
func hostUptime(t *testing.T) float64 {
	t.Helper()
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		t.Fatal(err)
	}
	return float64(now.Nano()) / 1e9
}

// Uptime and start times are since the container was created, each time; the
// plugin keeps nothing of one that runs, and may go.
func TestTimeNamespace(t *testing.T) {
	needTimeNamespaces(t)
	r, view := newRuntime(t, false), newView(t)
	serve(t, r, view)
	plugin := connected(t, r, view, "--time-namespace")
	pod := r.pod("enabled")
	for range 2 { // the second is a restart
		before := hostUptime(t)
		_, p := r.run(t, pod, false)
		uptime, started := p.clockOf(t)
		if age := hostUptime(t) - before; started < 0 || uptime < started-0.01 || uptime > age+0.01 {
			t.Errorf("uptime %.2f, its process started at %.2f, created at most %.2f s ago", uptime, started, age)
		}
	}
	other, p := r.run(t, r.pod("enabled"), false)
	if timeNamespace(other) == "" {
		t.Error("another pod has no time namespace")
	}
	for _, fd := range plugin.openFiles(t) {
		// wait has created some that it never started.
		if fd == fmt.Sprint(timeNamespaceOf(t, p.pid)) {
			t.Errorf("the plugin still keeps %s", fd)
		}
	}
	plugin.end(t, unix.SIGKILL)
	if uptime, started := p.clockOf(t); uptime < started-0.01 || uptime > hostUptime(t) {
		t.Errorf("without the plugin: uptime %.2f, its process started at %.2f", uptime, started)
	}
}

func timeNamespaceOf(t *testing.T, pid int) string {
	t.Helper()
	ns, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/time", pid))
	if err != nil {
		t.Fatal(err)
	}
	return ns
}

func (d *daemon) openFiles(t *testing.T) (targets []string) {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", d.cmd.Process.Pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if target, err := os.Readlink(dir + "/" + e.Name()); err == nil {
			targets = append(targets, target)
		}
	}
	return targets
}

func TestNoTimeNamespace(t *testing.T) {
	needTimeNamespaces(t)
	r, view := newRuntime(t, false), newView(t)
	serve(t, r, view)
	usual := connected(t, r, view)
	if c, err := r.create(r.pod("enabled")); err != nil || timeNamespace(c) != "" {
		t.Errorf("nobody asked for one: %q, %v", timeNamespace(c), err)
	}
	usual.end(t, unix.SIGTERM)
	connected(t, r, view, "--time-namespace")
	hosts := r.pod("enabled")
	hosts.Name = hostPID
	for name, pod := range map[string]*api.PodSandbox{"host's processes": hosts, "without the label": r.pod("")} {
		if c, err := r.create(pod); err != nil || timeNamespace(c) != "" {
			t.Errorf("%s: %q, %v", name, timeNamespace(c), err)
		}
	}
	// Two plugins, during a rollout: the runtime would refuse two.
	connected(t, r, view, "--time-namespace")
	if c, err := r.create(r.pod("enabled")); err != nil || timeNamespace(c) == "" {
		t.Errorf("with two plugins: %q, %v", timeNamespace(c), err)
	}
}

// A runtime that refuses time namespaces creates the container again, and
// then starts it.
func TestRuntimeRefusesTimeNamespaces(t *testing.T) {
	needTimeNamespaces(t)
	r, view := newRuntime(t, false), newView(t)
	serve(t, r, view)
	plugin := connected(t, r, view, "--time-namespace")
	pod := r.pod("enabled")
	if c, err := r.create(pod); err != nil || timeNamespace(c) == "" {
		t.Fatalf("at first: %q, %v", timeNamespace(c), err)
	}
	c, p := r.run(t, pod, false)
	if timeNamespace(c) != "" {
		t.Error("the second try has one, too")
	}
	if got := p.memory(t); got != ownMemory {
		t.Errorf("it reads %q", got)
	}
	if c, err := r.create(r.pod("enabled")); err != nil || timeNamespace(c) != "" {
		t.Errorf("another pod is given %q, %v", timeNamespace(c), err)
	}
	if log := plugin.log.String(); !strings.Contains(log, "no more of them for this runtime") {
		t.Errorf("the log does not say so:\n%s", log)
	}
}
