package confine

import (
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// whole are calls whose arguments don't matter.
func whole(numbers ...uint32) (calls []call) {
	for _, n := range numbers {
		calls = append(calls, call{number: n})
	}
	return calls
}

// way is one test.
func way(index int, mask, value uint32) []argument { return []argument{{index, mask, value}} }

// is tests one argument of a call against several values.
func is(number uint32, index int, values ...uint32) call {
	c := call{number: number}
	for _, v := range values {
		c.ways = append(c.ways, way(index, ^uint32(0), v))
	}
	return c
}

func concat(lists ...[]call) []call { return slices.Concat(lists...) }

// hot are what a read of the view takes, first because kernels before 5.11
// look from the top.
var hot = whole(unix.SYS_READ, unix.SYS_WRITE, unix.SYS_PREAD64, unix.SYS_PPOLL, unix.SYS_FUTEX)

// forReading is an open(2) that changes nothing.
var forReading = way(2, unix.O_ACCMODE|unix.O_CREAT|unix.O_TRUNC, unix.O_RDONLY)

// reads are for files and directories, and of ioctl(2) what namespaces tell.
// Whoever may set a descriptor's owner and signal (F_SETOWN, F_SETSIG) can kill
// any process of root's.
var reads = append(whole(
	unix.SYS_CLOSE, unix.SYS_FSTAT, unix.SYS_NEWFSTATAT, unix.SYS_STATX, unix.SYS_READLINKAT, unix.SYS_GETDENTS64,
	unix.SYS_LSEEK, unix.SYS_STATFS, unix.SYS_FLOCK,
),
	call{unix.SYS_OPENAT, [][]argument{forReading}},
	is(unix.SYS_FCNTL, 1, unix.F_GETFL, unix.F_SETFL, unix.F_DUPFD_CLOEXEC),
	is(unix.SYS_IOCTL, 1, unix.NS_GET_PID_FROM_PIDNS, unix.NS_GET_PID_IN_PIDNS),
)

// goRuntime is memory that can't be executed, threads but no processes, and
// signals to them alone: root may send any process of root's a signal, without
// CAP_KILL.
func goRuntime() []call {
	const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC |
		unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET
	return append(whole(
		unix.SYS_MUNMAP, unix.SYS_MADVISE, unix.SYS_MINCORE,
		unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN, unix.SYS_SIGALTSTACK, unix.SYS_RESTART_SYSCALL,
		unix.SYS_GETPID, unix.SYS_GETTID, unix.SYS_GETEUID, unix.SYS_GETRANDOM, unix.SYS_CLOCK_GETTIME, unix.SYS_NANOSLEEP, unix.SYS_SCHED_YIELD,
		unix.SYS_EPOLL_CREATE1, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_PWAIT, unix.SYS_EVENTFD2,
		unix.SYS_EXIT, unix.SYS_EXIT_GROUP,
	),
		call{unix.SYS_MMAP, [][]argument{way(2, unix.PROT_EXEC, 0)}},
		call{unix.SYS_CLONE, [][]argument{way(0, unix.CLONE_THREAD|namespaces, unix.CLONE_THREAD)}},
		is(unix.SYS_TGKILL, 0, uint32(os.Getpid())),
		is(unix.SYS_PRCTL, 0, unix.PR_SET_VMA), // names of memory
	)
}

// serves are for TCP on a port that is open: nothing that makes connections.
var serves = whole(
	unix.SYS_ACCEPT4, unix.SYS_GETSOCKNAME, unix.SYS_GETPEERNAME, unix.SYS_SETSOCKOPT, unix.SYS_GETSOCKOPT, unix.SYS_SHUTDOWN,
)

// listens opens such a port. Go asks for the kernel's version to know how many
// connections may wait there.
var listens = append(whole(unix.SYS_BIND, unix.SYS_LISTEN, unix.SYS_UNAME), call{unix.SYS_SOCKET, [][]argument{
	tcp(unix.AF_INET), tcp(unix.AF_INET6),
}})

func tcp(family uint32) []argument {
	const kind = 0xf // SOCK_TYPE_MASK
	return []argument{{0, ^uint32(0), family}, {1, kind, unix.SOCK_STREAM}}
}

// publishes writes to a BPF map that is open.
var publishes = is(unix.SYS_BPF, 0, unix.BPF_MAP_UPDATE_ELEM)

// unmounts is what the guard does, under a lock whose file it may have to
// make. The first rule for a call is the one that counts.
var unmounts = append(whole(unix.SYS_UMOUNT2, unix.SYS_MKDIRAT), call{unix.SYS_OPENAT, [][]argument{
	forReading, way(2, unix.O_ACCMODE|unix.O_CREAT|unix.O_TRUNC, unix.O_RDWR|unix.O_CREAT),
}})
