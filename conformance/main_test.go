package conformance

import (
	"fmt"
	"os"
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
	code := m.Run()
	if err := sharedView.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "podview serve, at the end:", err)
		code = 1
	}
	removeTopGroups()
	os.Exit(code)
}

// needRoot skips: cgroups, namespaces and mounts are root's.
func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to make containers")
	}
}
