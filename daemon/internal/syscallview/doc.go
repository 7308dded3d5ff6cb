// Package syscallview makes sysinfo(2) and sched_getaffinity(2) tell a
// container's own figures, by BPF programs in the kernel. No daemon is in the
// path of a call.
//
// # How a call is answered
//
// Each program is attached to the return of one system call's own function
// (fexit on __x64_sys_sysinfo and the like; bpf/syscallview.c), and writes over
// what the kernel has just put into the caller's memory (bpf_probe_write_user).
// Other system calls cost nothing more: a tracepoint would put every system
// call of every process on the kernel's slow path, and those of 32-bit programs
// have none. A program sees argument and result together, so nothing is kept
// between a call's beginning and end.
//
// # Whose calls
//
// The kernel side needs no state of ours to know that a task's container has
// the view: the mounts of the task's own mount namespace tell (bpf/scope.h). A
// file of fuse.podview over a file of /proc or /sys is the view; the mount of
// the whole tree, which the host has, is not. So the first call of a process is
// answered like all others, whoever made the mount and when, and a pod that did
// not opt in is left alone. The walk runs over all mounts, without locks; what
// it found is remembered by the namespace's identity and its count of changes
// (mnt_namespace.event), so that most calls cost a hash lookup. Tasks of the
// host's mount namespace are told apart before that.
//
// # Which figures
//
// The container's cgroup is found from the task as package caller does it: its
// pid 1 is the init of the pid namespace next below the daemon's (bpf/place.h).
// What caller decides by names of cgroups is decided by the cgroup namespace
// here. Limits are the tightest of the task's own cgroup and those above it;
// the formulas are those of package view. Without own pid namespace (hostPID, a
// shared one) the uptime stays the host's. Load averages are kept by the daemon
// and put into a map; they are the host's while nobody reads the container's
// loadavg. What can't be read leaves the kernel's answer.
//
// A mask is cut to N CPUs only while it is as wide as the cpuset. A narrower
// one was asked for (taskset, the program itself), and so was every mask once
// a program has called sched_setaffinity: from then on the process gets the
// kernel's real masks (map asked, which lives as long as the process). The
// kernel's own record of that (user_cpus_ptr) is no help: before Linux 6.2 it
// is empty, and runc sets it for every container. Which N: those
// that the files show (view.Order, in the map order). A call that asks for
// another process's mask is cut by the caller's own N.
//
// # Survival
//
// Links, and the maps whose contents matter, are pinned below the BPF file
// system, in a directory for each mount (PinDir). They go on when podview is
// killed. A successor attaches its own programs first and renames them over the
// pinned ones, which detaches those: links of this kind can't be updated in
// place. In between both run, and the second one changes nothing: what is at the
// limit already is not above it. Where no BPF file system is mounted nothing is
// pinned and nothing mounted; the programs then end with the process that has
// attached them.
//
// A program is not run where it is running already on that CPU. That takes a
// kernel that preempts itself (preempt=full): a call made in the microsecond
// for which another is preempted on the same CPU gets the host's answer.
package syscallview
