package cluster

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// What a cluster may leave is found, and nothing is where there was none.
func TestLeftovers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("makes mounts and cgroups: needs root")
	}
	dir := filepath.Join(t.TempDir(), "cluster")
	if left := Leftovers(dir); len(left) > 0 {
		t.Fatalf("before the test: %q", left)
	}
	var want []string

	mountpoint := filepath.Join(dir, "lib")
	if err := os.MkdirAll(mountpoint, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", mountpoint, "tmpfs", 0, ""); err != nil {
		t.Skipf("no mounts here: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(mountpoint, syscall.MNT_DETACH) })
	want = append(want, "directory "+dir, "mount "+mountpoint)

	cgroups := cgroupDirs(dir)
	t.Cleanup(func() { removeCgroups(dir) })
	for _, cgroup := range cgroups {
		if err := os.MkdirAll(filepath.Join(cgroup, "kubepods", "pod"), 0o755); err != nil {
			t.Fatal(err)
		}
		want = append(want, "cgroup "+cgroup)
	}

	component := exec.Command("sleep", "infinity")
	component.Env = []string{"KUBECONFIG=" + filepath.Join(dir, "kubeconfig")}
	init := exec.Command("sh")
	init.Args = []string{nodeProgram, "-c", "read end", `{"Dir":"` + dir + `"}`}
	hold, err := init.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer hold.Close()
	for _, process := range []*exec.Cmd{component, init} {
		if err := process.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { process.Process.Kill(); process.Wait() })
		want = append(want, "process "+strconv.Itoa(process.Process.Pid))
	}

	got := strings.Join(Leftovers(dir), "\n")
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("%s is not found in\n%s", w, got)
		}
	}

	for _, process := range []*exec.Cmd{component, init} {
		process.Process.Kill()
		process.Wait()
	}
	if err := syscall.Unmount(mountpoint, 0); err != nil {
		t.Fatal(err)
	}
	if err := Remove(dir); err != nil {
		t.Fatal(err)
	}
	if left := Leftovers(dir); len(left) > 0 {
		t.Errorf("after Remove: %q", left)
	}
}

// A state file of a cluster that has ended is no cluster, also when another
// process has its pid by now.
func TestFindChecksTheStart(t *testing.T) {
	dir := t.TempDir()
	c := Cluster{Config: Config{Dir: dir}, Init: os.Getpid()}
	if err := c.save(); err != nil {
		t.Fatal(err)
	}
	found, err := Find(dir)
	if err != nil || found == nil || found.Init != os.Getpid() {
		t.Fatalf("found %+v, %v", found, err)
	}
	content, err := os.ReadFile(stateFile(dir))
	if err != nil {
		t.Fatal(err)
	}
	started, err := startTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	other := strings.Replace(string(content), `"Started":"`+started, `"Started":"1`+started, 1)
	if err := os.WriteFile(stateFile(dir), []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	if found, err = Find(dir); found != nil || err != nil {
		t.Errorf("another process of that pid is taken for the cluster: %+v, %v", found, err)
	}
}
