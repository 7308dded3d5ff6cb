package conformance

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// TestDoctor: the suite runs where the view can be served; nobody can't serve it.
func TestDoctor(t *testing.T) {
	needRoot(t)
	stdout, stderr, code := runHere(t, exec.Command(podviewBinary(t), "doctor"))
	if code != 0 || strings.Contains(stdout, "UNFIT") || !strings.Contains(stdout, "fit    cgroups (") || !strings.Contains(stdout, "\nfit    cheap reads") || !strings.Contains(stdout, "\nfit    confined processes") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	cmd := exec.Command(podviewBinary(t), "doctor")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	stdout, stderr, code = runHere(t, cmd)
	if code != 1 || !strings.Contains(stdout, "UNFIT  root and a FUSE device: must run as root") || !strings.Contains(stdout, "UNFIT  mounting") {
		t.Errorf("as nobody: exit code %d\n%s%s", code, stdout, stderr)
	}
}
