package caller

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/podview/podview/daemon/internal/host"
)

func TestRoot(t *testing.T) {
	const status = "Name:\tx\nUid:\t7\t7\t7\t%d\nGid:\t0\t0\t0\t0\nCapEff:\t%016x\n"
	for name, tc := range map[string]struct {
		fsUID           int
		effective       uint64
		userNS          string
		uidMap          string
		ofHost, ofOther bool
	}{
		"root":                        {0, 0, "user:[1]", "0 0 4294967295\n", true, false},
		"another user":                {7, 0, "user:[1]", "0 0 4294967295\n", false, false},
		"one who overrides":           {7, 1 << 1, "user:[1]", "", true, false},
		"one who may search and read": {7, 1 << 2, "user:[1]", "", true, false},
		"another capability":          {7, 1<<21 | 1<<0, "user:[1]", "", false, false},
		"root of a namespace":         {1000, 1<<41 - 1, "user:[2]", "         0       1000      65536\n", false, true},
		"a user of a namespace":       {1001, 1<<41 - 1, "user:[2]", "         0       1000      65536\n", false, false},
		"a namespace without root":    {1000, 1<<41 - 1, "user:[2]", "1 1000 1\n", false, false},
		"a namespace without users":   {1000, 0, "user:[2]", "", false, false},
		"root in a namespace":         {0, 0, "user:[2]", "0 0 1\n", true, false},
	} {
		proc := t.TempDir()
		dir := filepath.Join(proc, "77")
		if err := os.MkdirAll(dir+"/ns", 0o755); err != nil {
			t.Fatal(err)
		}
		for file, text := range map[string]string{"status": fmt.Sprintf(status, tc.fsUID, tc.effective), "uid_map": tc.uidMap} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink(tc.userNS, dir+"/ns/user"); err != nil {
			t.Fatal(err)
		}
		r := &Resolver{proc: proc, userNS: "user:[1]"}
		if ofHost, inside, err := r.Root(77); err != nil || ofHost != tc.ofHost || inside != tc.ofOther {
			t.Errorf("%s: %t, %t, %v", name, ofHost, inside, err)
		}
		if _, _, err := r.Root(78); err == nil {
			t.Errorf("%s: no error for a thread that is gone", name)
		}
	}
}

func TestParseCredentials(t *testing.T) {
	for _, bad := range []string{"", "Uid:\t0\t0\t0\t0\n", "CapEff:\t0\n", "Uid:\t0\t0\t0\nCapEff:\t0\n", "Uid:\t0\t0\t0\tx\nCapEff:\t0\n", "Uid:\t0\t0\t0\t0\nCapEff:\tx\n"} {
		if c, err := parseCredentials([]byte(bad)); err == nil {
			t.Errorf("parseCredentials(%q) = %+v, want an error", bad, c)
		}
	}
}

// TestRootOfThisKernel: its files are as they are read above.
func TestRootOfThisKernel(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to be somebody else")
	}
	r, err := NewResolver(host.Root{Proc: "/proc"}, host.NewKept(1))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		attr           syscall.SysProcAttr
		ofHost, inside bool
	}{
		"root":                {ofHost: true},
		"a user of its group": {attr: syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1000, Gid: 0}}},
		"root of a user namespace": {inside: true, attr: syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{HostID: 1000, Size: 10}}, GidMappings: []syscall.SysProcIDMap{{HostID: 0, Size: 10}},
			Credential: &syscall.Credential{}}},
	} {
		cmd := exec.Command("/bin/sleep", "1000")
		cmd.SysProcAttr = &tc.attr
		if err := cmd.Start(); err != nil {
			t.Fatal(name, err)
		}
		ofHost, inside, err := r.Root(cmd.Process.Pid)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if err != nil || ofHost != tc.ofHost || inside != tc.inside {
			t.Errorf("%s: %t, %t, %v", name, ofHost, inside, err)
		}
	}
}
