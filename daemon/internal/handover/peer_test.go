package handover

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// process starts a process that waits.
func process(t *testing.T, attr *syscall.SysProcAttr) (pid int) {
	t.Helper()
	cmd := exec.Command("sleep", "60")
	cmd.SysProcAttr = attr
	if err := cmd.Start(); err != nil {
		t.Skipf("can't start a process in namespaces of its own: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd.Process.Pid
}

func TestJudge(t *testing.T) {
	if err := mayMount(os.Getpid()); err != nil || os.Geteuid() != 0 {
		t.Skipf("needs what podview has (%v)", err)
	}
	if err := judge(os.Getpid()); err != nil {
		t.Errorf("refuses itself: %v", err)
	}
	for want, attr := range map[string]*syscall.SysProcAttr{
		"pid namespace":  {Cloneflags: unix.CLONE_NEWPID},
		"user namespace": {Cloneflags: unix.CLONE_NEWUSER},
		"CAP_SYS_ADMIN":  {Credential: &syscall.Credential{Uid: 65534, Gid: 65534}},
		"it runs":        {},
	} {
		t.Run(want, func(t *testing.T) {
			if err := judge(process(t, attr)); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v; want %q", err, want)
			}
		})
	}
	if err := judge(0); err == nil { // as SO_PEERCRED tells one outside
		t.Error("a process in a pid namespace outside of ours is no podview")
	}
}

func TestIsPodview(t *testing.T) {
	file := filepath.Join(t.TempDir(), "program")
	for name, test := range map[string]struct {
		program []byte
		want    bool
	}{
		"empty":           {nil, false},
		"another":         {bytes.Repeat([]byte("path\tgithub.com/podview/other/"), 5000), false},
		"ours":            {[]byte("\x7fELF " + origin + "daemon\n"), true},
		"across a buffer": {append(make([]byte, 64<<10-7), origin...), true},
		"at the end":      {append(make([]byte, 1<<20), origin...), true},
		"half":            {append(make([]byte, 1<<20), origin[:20]...), false},
	} {
		if err := os.WriteFile(file, test.program, 0o600); err != nil {
			t.Fatal(err)
		}
		if is, err := isPodview(file); is != test.want || err != nil {
			t.Errorf("%s: %t, %v", name, is, err)
		}
	}
}
