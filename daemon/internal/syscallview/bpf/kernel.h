/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The kernel's types, as far as these programs read them, and the helpers
 * they call. Offsets here mean nothing: the loader takes them from the
 * running kernel's BTF (CO-RE), by the names of types and fields. */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int s32;
typedef long long s64;

#define SEC(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))
/* A function that the verifier checks by itself, once, whoever calls it. */
#define SEPARATE __attribute__((noinline))
#define NULL ((void *)0)

static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*bpf_map_update_elem)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static long (*bpf_probe_write_user)(void *dst, const void *src, u32 size) = (void *)36;
static long (*bpf_probe_read_user)(void *dst, u32 size, const void *src) = (void *)112;
static long (*bpf_probe_read_kernel)(void *dst, u32 size, const void *src) = (void *)113;
static u64 (*bpf_ktime_get_boot_ns)(void) = (void *)125;
static void *(*bpf_task_storage_get)(void *map, void *task, void *value, u64 flags) = (void *)156;
static long (*bpf_loop)(u32 times, void *step, void *context, u64 flags) = (void *)181;
static struct task_struct *(*bpf_get_current_task_btf)(void) = (void *)158;

enum { BPF_MAP_TYPE_ARRAY = 2, BPF_MAP_TYPE_PERCPU_ARRAY = 6, BPF_MAP_TYPE_LRU_HASH = 9, BPF_MAP_TYPE_TASK_STORAGE = 29 };
enum { BPF_F_NO_PREALLOC = 1, BPF_LOCAL_STORAGE_GET_F_CREATE = 1 };

/* How the loader reads a map's definition. */
#define NUMBER(name, value) int (*name)[value]
#define TYPE(name, type) type *name

/* Makes the compiler forget what it knows of a number, so that it keeps the
 * checks that the verifier wants to see. */
#define FORGET(number) asm volatile("" : "+r"(number))

/* GET(p, field) is p->field, and 0 where the kernel's memory can't be read. */
#define GET(p, field)                                                    \
	({                                                               \
		typeof((p)->field) got__ = 0;                            \
		bpf_probe_read_kernel(&got__, sizeof got__, (const void *)&(p)->field); \
		got__;                                                   \
	})

/* See bpf_core_read.h of libbpf: the numbers are the compiler's. */
#define HAS_FIELD(field) __builtin_preserve_field_info(field, 2)
#define FIELD_SIZE(field) __builtin_preserve_field_info(field, 1)
#define TYPE_SIZE(type) __builtin_preserve_type_info(*(typeof(type) *)0, 1)
#define HAS_ENUM(type, value) __builtin_preserve_enum_value(*(typeof(enum type) *)value, 0)
#define ENUM(type, value) __builtin_preserve_enum_value(*(typeof(enum type) *)value, 1)

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct pt_regs {
#if defined(__TARGET_ARCH_x86)
	unsigned long bx, cx, dx, si, di;
#elif defined(__TARGET_ARCH_arm64)
	u64 regs[31];
#endif
};

typedef struct { long counter; } atomic_long_t;

struct list_head { struct list_head *next; };
struct super_block { unsigned long s_magic; char *s_subtype; struct dentry *s_root; };
struct dentry { struct super_block *d_sb; };
struct vfsmount { struct dentry *mnt_root; struct super_block *mnt_sb; };
struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
	struct list_head mnt_mounts; /* the children */
	struct list_head mnt_child;  /* in the parent's mnt_mounts */
};

struct ns_common { u32 inum; u64 ns_id; };
/* seq is never used twice; since Linux 6.18 it is ns.ns_id. */
struct mnt_namespace { struct ns_common ns; struct mount *root; u64 seq; u64 event; };
struct cgroup_namespace { struct css_set *root_cset; };
struct nsproxy { struct mnt_namespace *mnt_ns; struct cgroup_namespace *cgroup_ns; };

struct pid_namespace { struct task_struct *child_reaper; struct ns_common ns; };
struct upid { struct pid_namespace *ns; };
struct pid { u32 level; struct upid numbers[1]; };

struct kernfs_node { u64 id; const char *name; };
struct cgroup_root { int hierarchy_id; };
struct cgroup { struct kernfs_node *kn; struct cgroup_root *root; };
struct cgroup_subsys_state { struct cgroup *cgroup; struct cgroup_subsys_state *parent; };
struct css_set { struct cgroup_subsys_state *subsys[16]; struct cgroup *dfl_cgrp; };
enum cgroup_subsys_id { cpuset_cgrp_id, cpu_cgrp_id, memory_cgrp_id, pids_cgrp_id };

/* In each of these a cgroup_subsys_state comes first. */
struct page_counter { atomic_long_t usage; unsigned long max; };
struct memcg_vmstats { long state[1]; };
struct mem_cgroup {
	struct page_counter memory;
	struct page_counter swap; /* on v1 it is memsw: memory and swap together */
	struct memcg_vmstats *vmstats;
};
struct cfs_bandwidth { s64 period; u64 quota; }; /* nanoseconds */
struct task_group { struct cfs_bandwidth cfs_bandwidth; };
struct pids_cgroup { atomic_long_t counter; };
struct cpumask { unsigned long bits[1]; };
/* cpumask_var_t is one or the other; the loader compares the kinds. */
struct cpuset___pointer { struct cpumask *effective_cpus; };
struct cpuset___array { struct cpumask effective_cpus[1]; };
enum node_stat_item { NR_SHMEM };
enum memcg_stat_item { MEMCG_NR_STAT };

struct task_struct {
	struct nsproxy *nsproxy;
	struct css_set *cgroups;
	struct pid *thread_pid;
	struct task_struct *group_leader;
	u64 start_boottime;
};

#pragma clang attribute pop
