package reattach

import (
	"bufio"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/podview/podview/daemon/internal/fusedev"
	"github.com/podview/podview/daemon/internal/fusefs"
	"github.com/podview/podview/daemon/paths"
)

// What makes this binary something else than the tests.
const (
	serveEnv     = "PODVIEW_TEST_SERVE"     // "DIR": serve a view there
	containerEnv = "PODVIEW_TEST_CONTAINER" // a spec: be a container
)

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(serveEnv) != "":
		os.Exit(serveMain(os.Getenv(serveEnv)))
	case os.Getenv(containerEnv) != "":
		os.Exit(containerMain(os.Getenv(containerEnv)))
	}
	os.Exit(m.Run())
}

// emulated are the paths that this kernel has.
func emulated() (have []paths.Path) {
	for _, p := range paths.All {
		if _, err := os.Stat(p.Path); err == nil {
			have = append(have, p)
		}
	}
	return have
}

// views is a tree whose files say which daemon served them: "view of DIR".
// Of /sys/devices/system/cpu it has online and cpu0/thermal_throttle.
type views struct{ text string }

const throttle = paths.CPUDir + "/cpu0/thermal_throttle"

func (v views) Read(dst []byte, _ int, _ string) ([]byte, error) { return append(dst, v.text...), nil }

func (v views) Stat(_ int, path string) (uint32, bool, error) {
	switch path {
	case paths.CPUDir + "/online":
		return syscall.S_IFREG | 0o444, true, nil
	case paths.CPUDir + "/cpu0", throttle:
		return syscall.S_IFDIR | 0o555, true, nil
	}
	return 0, false, fs.ErrNotExist
}

func (v views) List(int, string) (map[string]uint32, error) { return map[string]uint32{}, nil }
func (v views) Readlink(int, string) (string, error)        { return "", fs.ErrInvalid }

func viewText(dir string) string { return "view of " + dir + "\n" }

func serveMain(dir string) int {
	fd, err := fusedev.Mount(dir)
	if err != nil {
		os.Stdout.WriteString(err.Error() + "\n")
		return 1
	}
	os.Stdout.WriteString("ready\n")
	_ = fusedev.NewConn(fd, fusefs.New(views{viewText(dir)}, emulated()), fusedev.NewSlots(2)).Serve(-1)
	return 0
}

// serveView starts a daemon on dir. kill ends it as kill -9 does, and is also
// called at the test's end.
func serveView(t *testing.T, dir string) (kill func()) {
	t.Helper()
	p := startDaemon(t, dir)
	return func() {
		_ = p.Kill()
		_, _ = p.Wait()
	}
}

func startDaemon(t *testing.T, dir string) *os.Process {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), serveEnv+"="+dir)
	startChild(t, cmd)
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if _, err := fusedev.Clear(dir); err != nil {
			t.Error(err)
		}
	})
	return cmd.Process
}

// startChild starts cmd, which is us in another role, and waits for its word.
func startChild(t *testing.T, cmd *exec.Cmd) *bufio.Reader {
	t.Helper()
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stdout)
	if line, err := lines.ReadString('\n'); err != nil || line != "ready\n" {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		t.Fatalf("child: %s (%v)", strings.TrimSpace(line), err)
	}
	return lines
}
