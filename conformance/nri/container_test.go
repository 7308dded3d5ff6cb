package nri

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/containerd/nri/pkg/api"
	"golang.org/x/sys/unix"
)

// memoryMiB is every container's limit.
const memoryMiB = 128

// containerEnv makes this binary a container's only process. Its value are
// the mounts that it makes, as a runtime would have made them before.
const containerEnv = "PODVIEW_TEST_CONTAINER"

// process is a running container.
type process struct {
	pid     int
	in      io.Writer
	answers *bufio.Reader
	// viewsAtStart are there when the runtime would start the program.
	viewsAtStart int
}

// startProcess starts a container with its mounts and time namespace, in a
// cgroup that is named after it.
func startProcess(t *testing.T, c *api.Container, mounts []*api.Mount, userNamespace bool) *process {
	t.Helper()
	text, err := json.Marshal(mounts)
	if err != nil {
		t.Fatal(err)
	}
	cmd := inTime(t, timeNamespace(c))
	cmd.Env = append(os.Environ(), containerEnv+"="+string(text))
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID}
	if userNamespace { // as of a pod with hostUsers: false
		ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 100000, Size: 1 << 16}}
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings, cmd.SysProcAttr.GidMappings = ids, ids
		cmd.SysProcAttr.Credential = &syscall.Credential{}
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	group := newCgroup(t, c.Id)
	t.Cleanup(func() { // before the cgroup is removed
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if err := os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte(strconv.Itoa(cmd.Process.Pid)), 0); err != nil {
		t.Fatal(err)
	}
	p := &process{pid: cmd.Process.Pid, in: in, answers: bufio.NewReader(out)}
	if got := p.ask(t, "mount"); got != "mounted" {
		t.Fatalf("container: %s", got)
	}
	return p
}

// newCgroup makes a cgroup with the memory limit, of version 1 or 2.
func newCgroup(t *testing.T, id string) string {
	t.Helper()
	top, limit := "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		top, limit = "/sys/fs/cgroup", "memory.max"
		_ = os.WriteFile(top+"/cgroup.subtree_control", []byte("+memory"), 0) // without it the limit's file is missing
	}
	dir := filepath.Join(top, id)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.WriteFile(filepath.Join(dir, limit), []byte(strconv.Itoa(memoryMiB<<20)), 0); err != nil {
		t.Fatal(err)
	}
	return dir
}

func (p *process) ask(t *testing.T, question string) string {
	t.Helper()
	if _, err := fmt.Fprintln(p.in, question); err != nil {
		t.Fatal(err)
	}
	line, err := p.answers.ReadString('\n')
	if err != nil {
		t.Fatalf("%s: %v", question, err)
	}
	return strings.TrimSpace(line)
}

// memory is the first line of meminfo in the container, its words.
func (p *process) memory(t *testing.T) string { t.Helper(); return p.ask(t, "/proc/meminfo") }

var ownMemory = fmt.Sprintf("MemTotal: %d kB", memoryMiB<<10)

// views are the points where a view is mounted in the container.
func (p *process) views(t *testing.T) (points []string) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", p.pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); strings.Contains(line, " - fuse.podview ") && strings.HasPrefix(fields[4], "/proc/") || strings.Contains(line, " - fuse.podview ") && strings.HasPrefix(fields[4], "/sys/") {
			points = append(points, fields[4])
		}
	}
	return points
}

// containerMain is the container's process.
func containerMain(text string) int {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if lines.Text() == "mount" {
			if err := mountAll(text); err != nil {
				fmt.Println(err)
				return 1
			}
			fmt.Println("mounted")
			continue
		}
		if lines.Text() == "nest" {
			fmt.Println(nest())
			continue
		}
		content, err := os.ReadFile(lines.Text())
		line, _, _ := strings.Cut(string(content), "\n")
		if err != nil {
			line = err.Error()
		}
		fmt.Println(strings.Join(strings.Fields(line), " "))
	}
	return 0
}

// nestEnv makes this binary a nested container's process.
const nestEnv = "PODVIEW_TEST_NESTED"

// nest does what rootless builders do: a user namespace, and a /proc in it.
func nest() string {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), nestEnv+"=1")
	ids := []syscall.SysProcIDMap{{Size: 1}}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID,
		UidMappings: ids, GidMappings: ids,
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Sprintf("%v: %s", err, out)
	}
	return string(out)
}

func nestedMain() int {
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		fmt.Print(err)
		return 0
	}
	fmt.Print("nested")
	return 0
}

func mountAll(text string) error {
	var mounts []*api.Mount
	if err := json.Unmarshal([]byte(text), &mounts); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	// A new /proc, which the binds come onto. /sys stays.
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return err
	}
	for _, m := range mounts {
		if m.Type == "bind" {
			if err := unix.Mount(m.Source, m.Destination, "", unix.MS_BIND, ""); err != nil {
				return fmt.Errorf("%s on %s: %w", m.Source, m.Destination, err)
			}
		}
	}
	return nil
}
