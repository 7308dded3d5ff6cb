package syscallview

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/features"
	"golang.org/x/sys/unix"
)

// Fit says in one line why no feature can work here. nil is no promise: the
// verifier has not seen the programs yet (Load).
func Fit() error {
	if _, err := os.Stat("/sys/kernel/btf/vmlinux"); err != nil {
		return fmt.Errorf("the kernel does not describe its types (CONFIG_DEBUG_INFO_BTF): %w", err)
	}
	switch err := features.HaveProgramHelper(ebpf.Kprobe, asm.FnProbeWriteUser); {
	case errors.Is(err, ebpf.ErrNotSupported):
		return errors.New(lockdown())
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("needs CAP_SYS_ADMIN: %w", err)
	case err != nil:
		return fmt.Errorf("bpf_probe_write_user: %w", err)
	}
	if err := features.HaveProgramHelper(ebpf.Kprobe, asm.FnLoop); err != nil {
		return fmt.Errorf("the kernel is too old, 5.17 has what is needed (bpf_loop): %w", err)
	}
	return nil
}

// lockdown explains why the kernel has no bpf_probe_write_user.
func lockdown() string {
	text, err := os.ReadFile("/sys/kernel/security/lockdown")
	if mode := lockdownMode(string(text)); err == nil && mode != "none" {
		return "the kernel is locked down (" + mode + "): no program may write to a process's memory"
	}
	return "the kernel has no bpf_probe_write_user: it is locked down (integrity or confidentiality), or built without BPF tracing, or CAP_SYS_ADMIN is missing"
}

// lockdownMode is the one in brackets: "none [integrity] confidentiality".
func lockdownMode(text string) string {
	_, after, _ := strings.Cut(text, "[")
	mode, _, _ := strings.Cut(after, "]")
	return mode
}
