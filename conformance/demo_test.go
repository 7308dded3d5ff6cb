package conformance

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// demo runs podview demo and returns its output and exit code.
func demo(t testing.TB, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	needRoot(t)
	return runHere(t, exec.Command(podviewBinary(t), append([]string{"demo"}, args...)...))
}

func runHere(t testing.TB, cmd *exec.Cmd) (stdout, stderr string, code int) {
	t.Helper()
	var out, errOut strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errOut
	cmd.WaitDelay = time.Second
	stuck := time.AfterFunc(callTimeout, func() { _ = cmd.Process.Kill() })
	defer stuck.Stop()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%q: %v", cmd.Args, err)
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

func TestDemo(t *testing.T) {
	needRoot(t)
	podviewBinary(t)
	for _, test := range []struct {
		flags, argv []string
		want        string // a pattern
	}{
		{[]string{"--memory", "256Mi", "--cpus", "1"}, []string{"free", "-m"}, `(?m)^Mem: +256 `},
		{[]string{"--memory", "256Mi", "--cpus", "1"}, []string{"getconf", "_NPROCESSORS_ONLN"}, `^1\n$`},
		{[]string{"--memory", "256Mi", "--cpus", "1"}, []string{"sh", "-c", "grep -c processor /proc/cpuinfo"}, `^1\n$`},
		{[]string{"--memory", "256Mi", "--cpus", "1"}, []string{"python3", "-c", "import os;print(os.cpu_count())"}, `^1\n$`},
		{[]string{"--cpus", "500m", "--memory", "128Mi"}, []string{"head", "-1", "/proc/meminfo"}, `^MemTotal: +131072 kB\n$`},
		{[]string{"--cpuset", "1"}, []string{"cat", "/sys/devices/system/cpu/online"}, `^1\n$`},
	} {
		t.Run(strings.Join(append(test.flags, test.argv[0]), " "), func(t *testing.T) {
			needProgram(t, test.argv[0])
			stdout, stderr, code := demo(t, slices.Concat(test.flags, []string{"--"}, test.argv)...)
			if code != 0 || !regexp.MustCompile(test.want).MatchString(stdout) {
				t.Errorf("exit code %d, want output %s, got\n%s%s", code, test.want, stdout, stderr)
			}
		})
	}
}

func TestDemoExitCodes(t *testing.T) {
	needRoot(t)
	podviewBinary(t)
	for name, test := range map[string]struct {
		args   []string
		code   int
		stderr string
	}{
		"the command's":      {[]string{"--", "sh", "-c", "exit 7"}, 7, ""},
		"killed":             {[]string{"--", "sh", "-c", "sh -c 'kill -9 $$'; exit $?"}, 137, ""},
		"no such command":    {[]string{"--", "no-such-program"}, 127, "no-such-program"},
		"no command":         {[]string{"--memory", "1Gi"}, 2, ""},
		"not a quantity":     {[]string{"--memory", "12Zq", "--", "true"}, 2, "12Zq"},
		"a limit of nothing": {[]string{"--cpus", "-1", "--", "true"}, 2, "-1"},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := demo(t, test.args...)
			if code != test.code || !strings.Contains(stderr, test.stderr) {
				t.Errorf("exit code %d, want %d and %q in\n%s%s", code, test.code, test.stderr, stdout, stderr)
			}
		})
	}
}

// Nothing of a demo remains, however its command ends.
func TestDemoLeavesNothing(t *testing.T) {
	needRoot(t)
	for _, script := range []string{"true", "exit 3", "kill -9 $$", "sleep 100 & exit 0"} {
		tmp := t.TempDir()
		cmd := exec.Command(podviewBinary(t), "demo", "--memory", "64Mi", "--cpus", "1", "--", "sh", "-c", script)
		cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
		runHere(t, cmd)
		if left := leftovers(t, cmd.Process.Pid, tmp); len(left) > 0 {
			t.Errorf("after %q there are\n%q", script, left)
		}
	}
}

// leftovers are the files, mounts and cgroups of the demo of that pid.
func leftovers(t testing.TB, pid int, tmp string) (all []string) {
	t.Helper()
	files, err := os.ReadDir(tmp)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		all = append(all, filepath.Join(tmp, file.Name()))
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, " "+tmp+"/") {
			all = append(all, line)
		}
	}
	h, err := machine()
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range h.all {
		if group := filepath.Join(dir, fmt.Sprintf("podview-demo-%d", pid)); exists(group) {
			all = append(all, group)
		}
	}
	return all
}
