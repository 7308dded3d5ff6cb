package confine

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// attempt is something that a process tries. may are the roles that may.
type attempt struct {
	name string
	try  func() error
	may  []string
}

// nowhere is on the way to nothing: what is tried there changes nothing.
const nowhere = "/nonexistent/podview"

// raw makes a system call that is not likely to do anything.
func raw(number uintptr, args ...uintptr) func() error {
	return func() error {
		var a [6]uintptr
		copy(a[:], args)
		if _, _, errno := unix.RawSyscall6(number, a[0], a[1], a[2], a[3], a[4], a[5]); errno != 0 {
			return errno
		}
		return nil
	}
}

func open(path string, flags int) func() error {
	return func() error {
		fd, err := unix.Open(path, flags, 0o600)
		if err == nil {
			unix.Close(fd)
		}
		return err
	}
}

const minus = ^uintptr(0) // -1

var (
	all  = []string{"all"}
	none []string
)

var attempts = []attempt{
	// What they live on.
	{"read a file", func() error { _, err := os.ReadFile("/proc/self/stat"); return err }, all},
	{"list a directory", func() error { _, err := os.ReadDir("/proc/self/task"); return err }, all},
	{"stat", func() error { _, err := os.Stat("/proc/self/ns/pid"); return err }, all},
	{"read a link", func() error { _, err := os.Readlink("/proc/1/ns/pid"); return err }, all},
	{"read what is not there", open(nowhere, unix.O_RDONLY), all},
	{"more threads", moreThreads, all},
	// Programs, and code of its own.
	{"execve", func() error { return syscall.Exec(nowhere, nil, nil) }, none},
	{"execveat", raw(unix.SYS_EXECVEAT, minus, 0, 0, 0, 0), none},
	{"fork", func() error { return fork(uintptr(unix.SIGCHLD)) }, none},
	{"vfork", func() error { return fork(unix.CLONE_VFORK | uintptr(unix.SIGCHLD)) }, none},
	{"clone3", raw(unix.SYS_CLONE3, 0, 0), none},
	{"memory to execute", func() error {
		_, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON)
		return err
	}, none},
	{"mprotect", raw(unix.SYS_MPROTECT, 0, 0, unix.PROT_EXEC), none},
	{"memfd", raw(unix.SYS_MEMFD_CREATE, 0, 0), none},
	// Files.
	{"open to write", open(nowhere, unix.O_WRONLY), none},
	{"open to read and write", open(nowhere, unix.O_RDWR), none},
	{"open to neither", open(nowhere, unix.O_ACCMODE), none},
	{"make a file", open(nowhere, unix.O_RDONLY|unix.O_CREAT), none},
	{"make and write a file", open(nowhere, unix.O_RDWR|unix.O_CREAT), []string{"guard"}},
	{"empty a file", open(nowhere, unix.O_RDONLY|unix.O_TRUNC), none},
	{"openat2", raw(unix.SYS_OPENAT2, 0, 0, 0, 0), none},
	{"open by handle", raw(unix.SYS_OPEN_BY_HANDLE_AT, 0, 0, 0), none},
	{"make a directory", func() error { return unix.Mkdir(nowhere, 0o700) }, []string{"guard"}},
	{"unlink", func() error { return unix.Unlink(nowhere) }, none},
	{"rename", func() error { return unix.Rename(nowhere, nowhere+"2") }, none},
	{"link", func() error { return unix.Link(nowhere, nowhere+"2") }, none},
	{"chmod", func() error { return unix.Chmod(nowhere, 0o777) }, none},
	{"chown", func() error { return unix.Chown(nowhere, 1, 1) }, none},
	{"mknod", func() error { return unix.Mknod(nowhere, unix.S_IFIFO, 0) }, none},
	{"truncate", func() error { return unix.Truncate(nowhere, 0) }, none},
	// Mounts and namespaces.
	{"mount", func() error { return unix.Mount("none", nowhere, "tmpfs", 0, "") }, none},
	{"unmount", func() error { return unix.Unmount(nowhere, 0) }, []string{"guard"}},
	{"move_mount", func() error { return unix.MoveMount(unix.AT_FDCWD, nowhere, unix.AT_FDCWD, nowhere, 0) }, none},
	{"chroot", func() error { return unix.Chroot(nowhere) }, none},
	{"setns", raw(unix.SYS_SETNS, minus, 0), none},
	{"unshare", raw(unix.SYS_UNSHARE, 0), none},
	{"a thread in another namespace", func() error { return fork(unix.CLONE_THREAD | unix.CLONE_NEWNS) }, none},
	// Other processes.
	{"kill", func() error { return unix.Kill(os.Getppid(), 0) }, none},
	{"tgkill", func() error { return unix.Tgkill(os.Getppid(), os.Getppid(), 0) }, none},
	{"tgkill itself", func() error { return unix.Tgkill(os.Getpid(), os.Getpid(), 0) }, all},
	{"a file's signals", raw(unix.SYS_FCNTL, 1, unix.F_SETOWN, 0), none},
	{"ptrace", raw(unix.SYS_PTRACE, minus, 0, 0, 0), none},
	{"write another's memory", raw(unix.SYS_PROCESS_VM_WRITEV, 0, 0, 0, 0, 0, 0), none},
	{"pidfd_open", raw(unix.SYS_PIDFD_OPEN, uintptr(os.Getppid()), 0), none},
	{"another's limits", raw(unix.SYS_PRLIMIT64, uintptr(os.Getppid()), unix.RLIMIT_CORE, 0, 0), none},
	{"another's CPUs", raw(unix.SYS_SCHED_SETAFFINITY, uintptr(os.Getppid()), 0, 0), none},
	{"a terminal's input", raw(unix.SYS_IOCTL, minus, unix.TIOCSTI, 0), none},
	{"a namespace's init", raw(unix.SYS_IOCTL, minus, unix.NS_GET_PID_FROM_PIDNS, 1), all},
	// The kernel, and the network.
	{"load a BPF program", raw(unix.SYS_BPF, unix.BPF_PROG_LOAD, 0, 0), none},
	{"write to a BPF map", raw(unix.SYS_BPF, unix.BPF_MAP_UPDATE_ELEM, 0, 0), []string{"listening"}},
	{"load a module", raw(unix.SYS_FINIT_MODULE, minus, 0, 0), none},
	{"reboot", raw(unix.SYS_REBOOT, 0, 0, 0, 0), none},
	{"keys", raw(unix.SYS_KEYCTL, minus, 0, 0), none},
	{"give itself no capability", raw(unix.SYS_CAPSET, 0, 0), none},
	{"another filter", raw(unix.SYS_SECCOMP, minus, 0, 0), none},
	{"socket", socket(unix.AF_INET, unix.SOCK_STREAM), []string{"listening"}},
	{"socket of datagrams", socket(unix.AF_INET, unix.SOCK_DGRAM), none},
	{"socket of the host", socket(unix.AF_UNIX, unix.SOCK_STREAM), none},
	{"socket to the kernel", socket(unix.AF_NETLINK, unix.SOCK_RAW), none},
	{"listen", raw(unix.SYS_LISTEN, minus, 1), []string{"listening"}},
	{"accept", raw(unix.SYS_ACCEPT4, minus, 0, 0, 0), []string{"listening", "probes"}},
	{"connect", raw(unix.SYS_CONNECT, minus, 0, 0), none},
	{"send", raw(unix.SYS_SENDTO, minus, 0, 0, 0, 0, 0), none},
}

func socket(family, kind int) func() error {
	return func() error {
		fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			unix.Close(fd)
		}
		return err
	}
}

// fork ends the child at once, which has the parent's memory only as a copy.
// Flags that the kernel refuses make none.
func fork(flags uintptr) error {
	pid, _, errno := unix.RawSyscall6(unix.SYS_CLONE, flags, 0, 0, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	if pid == 0 {
		unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
	_, err := unix.Wait4(int(pid), nil, 0, nil)
	return err
}

// moreThreads starts some that are new after all others wait.
func moreThreads() error {
	const many = 20
	done := make(chan error, many)
	for range many {
		go func() {
			_, err := unix.Poll(nil, 50)
			done <- err
		}()
	}
	for range many {
		if err := <-done; err != nil && err != unix.EINTR {
			return err
		}
	}
	return nil
}
