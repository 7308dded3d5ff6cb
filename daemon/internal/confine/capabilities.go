package confine

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// dropCapabilities leaves those to keep, of what the process has.
func dropCapabilities(keep []uint) error {
	return errors.Join(dropBounds(keep),
		allThreads("PR_CAP_AMBIENT_CLEAR_ALL", unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0),
		setCapabilities(keep))
}

// dropBounds takes from the bounding set, which limits what a program that the
// process executes can get.
func dropBounds(keep []uint) error {
	for c := uint(0); ; c++ {
		has, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(c), 0, 0, 0)
		if err != nil {
			return nil //nolint:nilerr // the kernel has no more
		}
		if has == 0 || slices.Contains(keep, c) {
			continue
		}
		if err := allThreads("PR_CAPBSET_DROP", unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, uintptr(c), 0); err != nil {
			return err // it lacks CAP_SETPCAP, which is asked for each time
		}
	}
}

// setCapabilities leaves an empty inheritable set.
func setCapabilities(keep []uint) error {
	header := &unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	sets := new([2]unix.CapUserData)
	if err := unix.Capget(header, &sets[0]); err != nil {
		return fmt.Errorf("capget: %w", err)
	}
	var mask [2]uint32
	for _, c := range keep {
		mask[c/32] |= 1 << (c % 32)
	}
	for i := range sets {
		permitted := sets[i].Permitted & mask[i]
		sets[i] = unix.CapUserData{Effective: permitted, Permitted: permitted}
	}
	return allThreads("capset", unix.SYS_CAPSET, uintptr(unsafe.Pointer(header)), uintptr(unsafe.Pointer(sets)), 0)
}

// allThreads makes each thread of the process do the call: the kernel knows
// capabilities of threads only. It takes a program without C.
//
//go:uintptrescapes
func allThreads(name string, trap, a1, a2, a3 uintptr) error {
	if _, _, errno := syscall.AllThreadsSyscall6(trap, a1, a2, a3, 0, 0, 0); errno != 0 {
		return fmt.Errorf("%s: %w", name, errno)
	}
	return nil
}

// publishingTakesCapability: before Linux 5.19 (c8644cd0efe7) whoever updated
// a BPF map needed CAP_BPF, unless kernel.unprivileged_bpf_disabled was 0.
func publishingTakesCapability() bool {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return true
	}
	return olderThan(unix.ByteSliceToString(name.Release[:]), 5, 19)
}

// olderThan takes a kernel's release, as "6.1.0-44-cloud-amd64".
func olderThan(release string, major, minor int) bool {
	var is [2]int
	if _, err := fmt.Sscanf(release, "%d.%d", &is[0], &is[1]); err != nil {
		return true
	}
	return slices.Compare(is[:], []int{major, minor}) < 0
}
