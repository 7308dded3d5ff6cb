//go:build lxcfs

package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/paths"
)

// startLxcfs runs Debian's lxcfs on dir, as startServe runs podview.
func startLxcfs(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("lxcfs", "-f", "--enable-cfs", "-l", "--pidfile="+filepath.Join(t.TempDir(), "pid"), dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(serveTimeout); !isFUSE(dir); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("lxcfs does not mount")
		}
	}
	return cmd
}

// TestLxcfsIsKilled is no test of podview: make compare-faults runs the
// readers of the fault suite on lxcfs, which is killed and started again.
func TestLxcfsIsKilled(t *testing.T) {
	needRoot(t)
	dir := filepath.Join(t.TempDir(), "lxcfs")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	first := startLxcfs(t, dir)
	c := startIn(t, newGroup(t, podPath()+"/"+ctrName("b"), limits{memoryMiB: 100}), dir)
	want := procFiles(100)
	want[paths.CPUDir+"/online"] = c.read(t, paths.CPUDir+"/online")
	end := c.endure(want)
	time.Sleep(time.Second)
	_ = first.Process.Kill()
	_ = first.Wait()
	_ = unix.Unmount(dir, unix.MNT_DETACH)
	second := startLxcfs(t, dir)
	t.Cleanup(func() {
		_ = second.Process.Kill()
		_ = second.Wait()
		_ = unix.Unmount(dir, unix.MNT_DETACH)
	})
	time.Sleep(2 * time.Second)
	got := end(t)
	t.Logf("lxcfs killed and started again: %d reads, %d of %d readers ended with an error:\n%s", got.Reads, len(got.Problems), 2*len(want), strings.Join(got.Problems, "\n"))
	failed := 0
	for path := range want {
		if r := c.tryRead(t, path); r.Errno != 0 {
			failed++
		}
	}
	t.Logf("2 s after its restart %d of %d files can't be read in the container", failed, len(want))
}
