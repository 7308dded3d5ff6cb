package nri

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/paths"
)

func TestMain(m *testing.M) {
	if os.Getenv(nestEnv) != "" {
		os.Exit(nestedMain())
	}
	if mounts, ok := os.LookupEnv(containerEnv); ok {
		os.Exit(containerMain(mounts))
	}
	os.Exit(m.Run())
}

// podview is the daemon under test; the plugin lies beside it.
func podview(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	if f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0); err != nil {
		t.Skip(err)
	} else {
		f.Close()
	}
	path := os.Getenv("PODVIEW")
	if path == "" {
		t.Skip("PODVIEW names no podview; make nri does")
	}
	return path
}

// daemon is a process of podview's, with those that it starts.
type daemon struct {
	cmd *exec.Cmd
	log *lockedBuffer
}

func startDaemon(t *testing.T, args ...string) *daemon {
	t.Helper()
	d := &daemon{exec.Command(args[0], args[1:]...), &lockedBuffer{}}
	d.cmd.Stderr = d.log
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.signal(t, unix.SIGCONT)
		d.end(t, unix.SIGTERM)
		if t.Failed() {
			t.Logf("%v:\n%s", args, d.log)
		}
	})
	return d
}

// signal sends s to the process and those that it has started.
func (d *daemon) signal(t *testing.T, s unix.Signal) {
	t.Helper()
	for pids := []string{strconv.Itoa(d.cmd.Process.Pid)}; len(pids) > 0; pids = pids[1:] {
		tasks, err := filepath.Glob("/proc/" + pids[0] + "/task/*/children")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range tasks {
			children, _ := os.ReadFile(file) // threads come and go
			pids = append(pids, strings.Fields(string(children))...)
		}
		pid, err := strconv.Atoi(pids[0])
		if err == nil {
			err = unix.Kill(pid, s)
		}
		if err != nil && err != unix.ESRCH {
			t.Error(err)
		}
	}
}

func (d *daemon) end(t *testing.T, s unix.Signal) {
	t.Helper()
	if d.cmd.ProcessState != nil {
		return
	}
	_ = d.cmd.Process.Signal(s) // what it has started ends with it
	_ = d.cmd.Wait()
}

// pluginCapabilities are those of the container nri in the DaemonSet.
const pluginCapabilities = "-all,+sys_admin,+sys_chroot,+sys_ptrace"

func startPlugin(t *testing.T, r *containerRuntime, view string, more ...string) *daemon {
	t.Helper()
	args := append([]string{podview(t) + "-nri", "--mount=" + view, "--socket=" + r.socket()}, more...)
	limited := []string{"setpriv", "--bounding-set=" + pluginCapabilities}
	if slices.Contains(more, "--time-namespace") { // the component adds it
		limited[1] += ",+sys_time"
	}
	if err := exec.Command(limited[0], append(limited[1:], "true")...).Run(); err == nil { // busybox's cannot
		args = append(limited, args...)
	} else {
		t.Log("no setpriv: the plugin has all capabilities: ", err)
	}
	return startDaemon(t, args...)
}

// connected starts a plugin and waits until the runtime knows it.
func connected(t *testing.T, r *containerRuntime, view string, more ...string) *daemon {
	t.Helper()
	before := r.synchronized.Load()
	if len(r.pods) == 0 {
		r.pod("") // so that synchronizing counts
	}
	d := startPlugin(t, r, view, more...)
	r.wait(t, before+1)
	return d
}

// wait returns when the runtime has told n plugins of all that it has, and
// asks them.
func (r *containerRuntime) wait(t *testing.T, n int32) {
	t.Helper()
	eventually(t, "the plugin connects", func() bool { return r.synchronized.Load() >= n })
	// It is asked only after that.
	pod := r.pod("enabled")
	eventually(t, "the plugin is asked", func() bool {
		c, err := r.create(pod)
		return err == nil && (len(mounted(c)) > 0 || !r.viewServed)
	})
}

// newView makes a directory for a view that is not served yet.
func newView(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // for other users
		t.Fatal(err)
	}
	return filepath.Join(dir, "view")
}

func serve(t *testing.T, r *containerRuntime, view string) *daemon {
	t.Helper()
	d := startDaemon(t, podview(t), "serve", "--mount="+view)
	eventually(t, "the view is served", func() bool {
		text, err := os.ReadFile(view + "/proc/uptime")
		target, linkErr := os.Readlink(view + "/proc/uptime")
		return err == nil && len(text) > 0 && (linkErr != nil || target == "")
	})
	r.viewServed = true
	return d
}

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if f() {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func everywhere() (all []string) {
	for _, p := range paths.All {
		if _, err := os.Stat(p.Path); err == nil && p.Everywhere {
			all = append(all, p.Path)
		}
	}
	return all
}

type lockedBuffer struct {
	mutex sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.Buffer.String()
}
