/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The programs: each runs when a system call's function returns, after the
 * kernel has written its answer to the caller's memory. */
#include "affinity.h"
#include "sysinfo.h"

#if defined(__TARGET_ARCH_x86)
#define NATIVE_CALL(name) "fexit/__x64_sys_" name
#define COMPAT_CALL(name) "fexit/__ia32_compat_sys_" name
#define FIRST(at) ((void *)GET(at, di))
#define THIRD(at) ((void *)GET(at, dx))
#define COMPAT_FIRST(at) ((void *)(u64)(u32)GET(at, bx))
#define COMPAT_THIRD(at) ((void *)(u64)(u32)GET(at, dx))
#elif defined(__TARGET_ARCH_arm64)
#define NATIVE_CALL(name) "fexit/__arm64_sys_" name
#define COMPAT_CALL(name) "fexit/__arm64_compat_sys_" name
#define FIRST(at) ((void *)GET(at, regs[0]))
#define THIRD(at) ((void *)GET(at, regs[2]))
#define COMPAT_FIRST(at) ((void *)(u64)(u32)GET(at, regs[0]))
#define COMPAT_THIRD(at) ((void *)(u64)(u32)GET(at, regs[2]))
#endif

/* What a program on a function's return gets: its argument and its result. */
struct returned { struct pt_regs *regs; long ret; };

SEC(NATIVE_CALL("sysinfo")) int sysinfo(struct returned *call)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct who w;
	struct sysinfo si;
	void *user = FIRST(call->regs);
	if (call->ret || !has_view(task) || !identify(&w, task) || bpf_probe_read_user(&si, sizeof si, user))
		return 0;
	change_sysinfo(&si, &w);
	bpf_probe_write_user(user, &si, sizeof si);
	return 0;
}

SEC(COMPAT_CALL("sysinfo")) int sysinfo_compat(struct returned *call)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct who w;
	struct compat_sysinfo c;
	void *user = COMPAT_FIRST(call->regs);
	if (call->ret || !has_view(task) || !identify(&w, task) || bpf_probe_read_user(&c, sizeof c, user))
		return 0;
	struct sysinfo si = {
		.uptime = c.uptime, .loads = {c.loads[0], c.loads[1], c.loads[2]},
		.totalram = c.totalram, .freeram = c.freeram, .sharedram = c.sharedram, .bufferram = c.bufferram,
		.totalswap = c.totalswap, .freeswap = c.freeswap, .procs = c.procs, .mem_unit = c.mem_unit,
	};
	change_sysinfo(&si, &w);
	c.uptime = si.uptime;
	c.loads[0] = si.loads[0], c.loads[1] = si.loads[1], c.loads[2] = si.loads[2];
	c.totalram = si.totalram, c.freeram = si.freeram, c.sharedram = si.sharedram, c.bufferram = si.bufferram;
	c.totalswap = si.totalswap, c.freeswap = si.freeswap, c.procs = si.procs;
	bpf_probe_write_user(user, &c, sizeof c);
	return 0;
}

SEC(NATIVE_CALL("sched_getaffinity")) int getaffinity(struct returned *call)
{
	change_affinity(bpf_get_current_task_btf(), THIRD(call->regs), call->ret, NATIVE);
	return 0;
}

SEC(COMPAT_CALL("sched_getaffinity")) int getaffinity_compat(struct returned *call)
{
	change_affinity(bpf_get_current_task_btf(), COMPAT_THIRD(call->regs), call->ret, COMPAT);
	return 0;
}

SEC(NATIVE_CALL("sched_setaffinity")) int setaffinity(struct returned *call)
{
	note_asked(bpf_get_current_task_btf(), call->ret);
	return 0;
}

SEC(COMPAT_CALL("sched_setaffinity")) int setaffinity_compat(struct returned *call)
{
	note_asked(bpf_get_current_task_btf(), call->ret);
	return 0;
}

/* bpf_probe_write_user is for programs under the GPL alone. */
char license_text[] SEC("license") = "GPL";
