// Package confine takes from a process what it does not need for its work, so
// that who takes it over gets little: capabilities, the right to gain any by
// execve(2), and all system calls but those on a list. What is not listed
// fails with EPERM; that is no reason for a process to end, and the kernel's
// log has the number of the call.
//
// Each function here confines the whole process, for good, and goes on where
// one of its means can't be had. Its error says which, and is for the log.
package confine

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// WorkerNeeds is what depends on a worker's flags.
type WorkerNeeds struct {
	Listens   bool // on a port that was not opened yet
	LowPort   bool // which is below 1024
	Publishes bool // to BPF maps that are open
}

// Worker is for the process that answers all containers. Everything that takes
// more than reading others' files must be open.
//
// CAP_SYS_PTRACE is for /proc/PID/ns and whatever else of others the kernel
// shows only to those who may trace them. With it /proc/PID/mem could be
// written, were opening for writing not refused. CAP_DAC_READ_SEARCH is for
// cgroups that a container owns, and has closed to others.
func Worker(needs WorkerNeeds) error {
	keep := []uint{unix.CAP_SYS_PTRACE, unix.CAP_DAC_READ_SEARCH}
	calls := concat(hot, reads, goRuntime())
	if needs.Listens {
		calls = concat(calls, serves, listens)
	}
	if needs.LowPort {
		keep = append(keep, unix.CAP_NET_BIND_SERVICE)
	}
	if needs.Publishes {
		calls = append(calls, publishes)
		if publishingTakesCapability() {
			keep = append(keep, unix.CAP_BPF)
		}
	}
	return process(keep, calls)
}

// Probes is for the process that answers probes on a port that is open: it
// reads a file of the view.
func Probes() error { return process(nil, concat(hot, reads, serves, goRuntime())) }

// Guard is for the process that takes a dead mount off. A mount may be in a
// directory that is not root's, hence CAP_DAC_READ_SEARCH.
func Guard() error {
	return process([]uint{unix.CAP_SYS_ADMIN, unix.CAP_DAC_READ_SEARCH}, concat(unmounts, hot, reads, goRuntime()))
}

func process(keep []uint, calls []call) error {
	if withC {
		return errC
	}
	err := dropCapabilities(keep)
	if errNew := allThreads("PR_SET_NO_NEW_PRIVS", unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0); errNew != nil {
		err = errors.Join(err, errNew)
	}
	// The last, for it refuses all of this.
	return errors.Join(err, filterCalls(assemble(calls)))
}

var errC = errors.New("a program that was built with cgo is not confined")

// Filters says why system calls can't be refused here; nil where they can.
func Filters() error {
	action := uint32(unix.SECCOMP_RET_ERRNO)
	if auditArch == 0 {
		return errArchitecture
	}
	if err := seccomp(unix.SECCOMP_GET_ACTION_AVAIL, 0, &action); err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	return nil
}
