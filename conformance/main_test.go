package conformance

import (
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
	code := m.Run()
	if err := sharedView.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "podview serve, at the end:", err)
		code = 1
	}
	removeTopGroups()
	for _, left := range leftBehind() {
		fmt.Fprintln(os.Stderr, "FAIL: left behind:", left)
		code = 1
	}
	os.Exit(code)
}

// leftBehind names the mounts, processes and cgroups of the suite that are
// still there at its end.
func leftBehind() (left []string) {
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, " "+os.TempDir()+"/") {
			left = append(left, "the mount "+strings.TrimSpace(line))
		}
	}
	for _, pid := range childrenOf(os.Getpid()) {
		name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		left = append(left, fmt.Sprintf("process %d, %s", pid, strings.TrimSpace(string(name))))
	}
	if h, err := machine(); err == nil {
		for _, mount := range h.all {
			if dir := filepath.Join(mount, topName(os.Getpid())); exists(dir) {
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
