package conformance

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// This binary plays two parts: the suite, and (re-executed) the processes in
// the containers that read on the suite's behalf.
func TestMain(m *testing.M) {
	if address := os.Getenv(agentEnv); address != "" {
		os.Exit(agentMain(address))
	}
	if spec := os.Getenv(enterEnv); spec != "" {
		os.Exit(enterMain(spec))
	}
	if socket := os.Getenv(strangerEnv); socket != "" {
		os.Exit(strangerMain(socket))
	}
	os.Exit(suiteMain(m))
}

// suiteMain gives the run a directory for all that it makes, so that it can
// tell what it has left behind from what is others'.
func suiteMain(m *testing.M) (code int) {
	// Short, for the names of sockets.
	dir, err := os.MkdirTemp("", "pv")
	if err == nil {
		err = errors.Join(os.Chmod(dir, 0o755), os.Setenv("TMPDIR", dir)) // others than root look into it
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code = m.Run()
	if err := sharedView.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "podview serve, at the end:", err)
		code = 1
	}
	removeTopGroups()
	for _, left := range leftBehind(dir) {
		fmt.Fprintln(os.Stderr, "FAIL: left behind:", left)
		code = 1
	}
	return code
}

// leftBehind names the mounts, files, processes and cgroups of the suite that
// are still there at its end. dir is where it made files; it removes that.
func leftBehind(dir string) (left []string) {
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, " "+dir+"/") {
			left = append(left, "the mount "+strings.TrimSpace(line))
		}
	}
	files, _ := os.ReadDir(dir)
	for _, file := range files {
		left = append(left, "the file "+filepath.Join(dir, file.Name()))
	}
	_ = os.Remove(dir)
	for _, pid := range childrenOf(os.Getpid()) {
		name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		left = append(left, fmt.Sprintf("process %d, %s", pid, strings.TrimSpace(string(name))))
	}
	if h, err := machine(); err == nil {
		for _, mount := range h.all {
			if dir := filepath.Join(mount, topName()); exists(dir) {
				left = append(left, "the cgroup "+dir)
			}
		}
	}
	return left
}

func exists(file string) bool {
	_, err := os.Lstat(file)
	return err == nil
}

// needRoot skips: cgroups, namespaces and mounts are root's.
func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to make containers")
	}
}
