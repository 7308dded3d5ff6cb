package conformance

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// serve ends with code 0 on SIGTERM and unmounts; with a reader that keeps a
// file open too.
func TestServeStops(t *testing.T) {
	needRoot(t)
	podviewBinary(t)
	for name, keepOpen := range map[string]bool{"idle": false, "with an open file": true} {
		t.Run(name, func(t *testing.T) {
			s, err := startServe(podviewBinary(t), filepath.Join(t.TempDir(), "view"))
			if err != nil {
				t.Fatal(err)
			}
			if keepOpen {
				f, err := os.Open(filepath.Join(s.dir, "proc/meminfo"))
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
			}
			if err := s.stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestServeMountOptions(t *testing.T) {
	s := privateServe(t)
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if !strings.Contains(line, " "+s.dir+" ") {
			continue
		}
		for _, want := range []string{"ro", "nosuid", "nodev", "noexec"} {
			if !strings.Contains(","+strings.Fields(line)[5]+",", ","+want+",") {
				t.Errorf("not mounted %s: %s", want, line)
			}
		}
		for _, want := range []string{" fuse.podview podview ", "allow_other", "default_permissions"} {
			if !strings.Contains(line, want) {
				t.Errorf("no %q: %s", want, line)
			}
		}
		return
	}
	t.Errorf("%s is not in\n%s", s.dir, mounts)
}

// serve says what is wrong, by name, and doesn't start.
func TestServeRefuses(t *testing.T) {
	needRoot(t)
	podviewBinary(t)
	busy, file := t.TempDir(), filepath.Join(t.TempDir(), "a-file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", busy, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(busy, unix.MNT_DETACH) })
	nobody := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	for name, test := range map[string]struct {
		args  []string
		attr  *syscall.SysProcAttr
		names string // what the message must name
	}{
		"not root":             {[]string{"--mount", t.TempDir()}, nobody, "root"},
		"mountpoint in use":    {[]string{"--mount", busy}, nil, busy},
		"mountpoint is a file": {[]string{"--mount", file}, nil, file},
		"no such directory":    {[]string{"--mount", "/proc/no/such/dir"}, nil, "/proc/no"},
		"no mountpoint":        {[]string{"--mount", ""}, nil, "mount"},
		"unknown value":        {[]string{"--mount", t.TempDir(), "--cpu-view=x"}, nil, "cpu-view"},
		"unknown uptime":       {[]string{"--mount", t.TempDir(), "--uptime=x"}, nil, "uptime"},
		"unknown cgroup":       {[]string{"--mount", t.TempDir(), "--cgroup=v3"}, nil, "v3"},
		"unknown flag":         {[]string{"--mount", t.TempDir(), "--no-such-flag"}, nil, "no-such-flag"},
		"an argument":          {[]string{"--mount", t.TempDir(), "stray"}, nil, "stray"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(podviewBinary(t), append([]string{"serve"}, test.args...)...)
			if cmd.SysProcAttr = test.attr; test.attr != nil {
				cmd = asNobody(t, cmd)
			}
			stdout, stderr, code := runHere(t, cmd)
			if code <= 0 || !strings.Contains(stderr, test.names) {
				t.Errorf("exit code %d, want %q in\n%s%s", code, test.names, stdout, stderr)
			}
			if strings.Contains(stderr, "goroutine ") {
				t.Errorf("a panic:\n%s", stderr)
			}
		})
	}
}

// asNobody copies the binary to where anyone can run it.
func asNobody(t *testing.T, cmd *exec.Cmd) *exec.Cmd {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "podview-nobody-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	binary, err := os.ReadFile(cmd.Path)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "podview"), binary, 0o755)
	}
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	copied := exec.Command(filepath.Join(dir, "podview"), cmd.Args[1:]...)
	copied.SysProcAttr = cmd.SysProcAttr
	return copied
}

// podview view prints what a process sees, without the daemon's help.
func TestViewOfAProcess(t *testing.T) {
	binary := podviewBinary(t)
	c := startContainer(t, limits{memoryMiB: 160, cpuMilli: 1000})
	for file, key := range map[string]string{"/proc/meminfo": "MemTotal:", "/proc/cpuinfo": "processor", "/proc/stat": "btime"} {
		stdout, stderr, code := runHere(t, exec.Command(binary, "view", "--pid", fmt.Sprint(c.pid), file))
		want := linesWith(c.read(t, file), key)
		if got := linesWith(stdout, key); code != 0 || got != want || want == "" {
			t.Errorf("view of %s: exit code %d, %q, the container reads %q\n%s", file, code, got, want, stderr)
		}
	}
	if _, stderr, code := runHere(t, exec.Command(binary, "view", "--pid", fmt.Sprint(c.pid))); code != 0 {
		t.Errorf("view without a file: exit code %d\n%s", code, stderr)
	}
	if _, stderr, code := runHere(t, exec.Command(binary, "view", "--pid", "4194304")); code == 0 || !strings.Contains(stderr, "4194304") {
		t.Errorf("view of no process: exit code %d, %q", code, stderr)
	}
}

func linesWith(text, prefix string) (found string) {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, prefix) {
			found += line
		}
	}
	return found
}
