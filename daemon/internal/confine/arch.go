package confine

import (
	"errors"
	"runtime"

	"golang.org/x/sys/unix"
)

// auditArch is how the kernel names the architecture; 0 for those that nobody
// has tried.
var auditArch = map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64}[runtime.GOARCH]

var errArchitecture = errors.New("seccomp: there is no list of system calls for this architecture")
