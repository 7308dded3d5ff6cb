package confine

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// call is a system call that is let through, whatever its arguments are or,
// where there are ways, if they are all as one of the ways has it.
type call struct {
	number uint32
	ways   [][]argument
}

// argument is a test of the low half of an argument. That is all the kernel
// looks at in those that are tested here.
type argument struct {
	index       int
	mask, value uint32
}

// struct seccomp_data (linux/seccomp.h), little-endian.
const (
	numberAt    = 0
	archAt      = 4
	argumentsAt = 16
)

const refused = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)

// assemble makes the program that the kernel runs for a system call. Calls
// whose arguments don't matter cost nothing there: since Linux 5.11 the kernel
// knows beforehand that they are let through. Numbers of the x32 ABI, which is
// of the same architecture, have a bit that none of ours has.
func assemble(calls []call) []unix.SockFilter {
	program := []unix.SockFilter{load(archAt), skipIf(auditArch, 1), result(refused), load(numberAt)}
	for _, c := range calls {
		body := []unix.SockFilter{result(unix.SECCOMP_RET_ALLOW)}
		if c.ways != nil {
			body = assembleWays(c.ways)
		}
		program = append(program, skipUnless(c.number, len(body)))
		program = append(program, body...)
	}
	return append(program, result(refused))
}

func assembleWays(ways [][]argument) (body []unix.SockFilter) {
	for _, way := range ways {
		const perTest = 3
		for i, a := range way {
			restOfWay := perTest*(len(way)-i-1) + 1
			body = append(body, load(uint32(argumentsAt+8*a.index)), and(a.mask), skipUnless(a.value, restOfWay))
		}
		body = append(body, result(unix.SECCOMP_RET_ALLOW))
	}
	return append(body, result(refused))
}

func load(at uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
}

func and(mask uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: mask}
}

// skipIf and skipUnless skip n instructions if what was loaded is, or is not,
// that value.
func skipIf(value uint32, n int) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: uint8(n), K: value}
}

func skipUnless(value uint32, n int) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: uint8(n), K: value}
}

func result(value uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: value}
}

// filterCalls has the kernel run the program for all threads. What is refused
// is in the kernel's log (Linux 4.14), and there are no mitigations against
// the process's own speculation (4.17), which before 5.16 would slow all of it
// down: it runs nobody else's code.
func filterCalls(program []unix.SockFilter) error {
	if auditArch == 0 {
		return errArchitecture
	}
	prog := &unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	var err error
	for _, more := range []uintptr{unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW | unix.SECCOMP_FILTER_FLAG_LOG, 0} {
		err = seccomp(unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC|more, prog)
		if err != unix.EINVAL {
			break
		}
	}
	runtime.KeepAlive(program)
	if err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	return nil
}

func seccomp[T any](operation, flags uintptr, data *T) error {
	thread, _, errno := unix.Syscall(unix.SYS_SECCOMP, operation, flags, uintptr(unsafe.Pointer(data)))
	switch {
	case errno != 0:
		return errno
	case thread != 0:
		return fmt.Errorf("thread %d has a filter of its own", thread)
	}
	return nil
}
