/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* sched_getaffinity(2): as many CPUs of the real mask as internal/view shows. */
#pragma once
#include "place.h"

const volatile u8 by_quota = 1; /* --cpu-view=quota */

enum { MAX_WORDS = 128, MAX_BYTES = MAX_WORDS * 8 }; /* 8192 CPUs, the kernel's most */

/* A mask is too large for the stack. One for each program: a program runs
 * once at a time on a CPU, but two programs may. */
struct masks { u64 real[MAX_WORDS]; };
enum scratch { NATIVE, COMPAT, SCRATCHES };
struct {
	NUMBER(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	NUMBER(max_entries, SCRATCHES);
	TYPE(key, u32);
	TYPE(value, struct masks);
} scratch SEC(".maps");

/* Processes that have set an affinity: they get the real masks ever after. */
struct {
	NUMBER(type, BPF_MAP_TYPE_TASK_STORAGE);
	NUMBER(map_flags, BPF_F_NO_PREALLOC);
	TYPE(key, int);
	TYPE(value, u8);
} asked SEC(".maps");

INLINE u32 count_bits(u64 x)
{
	x -= x >> 1 & 0x5555555555555555;
	x = (x & 0x3333333333333333) + (x >> 2 & 0x3333333333333333);
	x = x + (x >> 4) & 0x0f0f0f0f0f0f0f0f;
	return x * 0x0101010101010101 >> 56;
}

/* The lowest n set bits of word, found by halving. */
SEPARATE u64 lowest_bits(u64 word, u32 n)
{
	u32 at = 0;
	if (n >= count_bits(word))
		return word;
	for (u32 width = 32; width; width /= 2) {
		u32 there = count_bits(word >> (at & 63) & (1ULL << width) - 1);
		if (there <= n) {
			n -= there;
			at += width;
		}
	}
	return word & (1ULL << (at & 63)) - 1;
}

/* The CPUs that the quotas allow at once, rounded up: view.NewCPUs. */
SEPARATE u64 quota_cpus(u64 of)
{
	CSS *c = (void *)of;
	u64 cpus = ~0ULL;
	for (int i = 0; i < MAX_LEVELS && c; i++) {
		struct task_group *group = (void *)c;
		if (!HAS_FIELD(group->cfs_bandwidth))
			return cpus;
		u64 usec = GET(&group->cfs_bandwidth, quota) / 1000, period = (u64)GET(&group->cfs_bandwidth, period) / 1000;
		if (usec && period && usec < (1ULL << 34)) { /* more is no limit on any machine */
			u64 nsec = usec * 1000000000 / period;
			u64 n = (nsec + 999999999) / 1000000000;
			if (n < cpus)
				cpus = n ? n : 1;
		}
		c = GET(c, parent);
	}
	return cpus;
}

/* What is done to each word of a mask. */
struct pass { struct masks *m; u32 words, rank, first, end, wrapped; };

static long count_step(u32 i, struct pass *p)
{
	if (i >= MAX_WORDS || i >= p->words)
		return 1;
	p->rank += count_bits(p->m->real[i]);
	return 0;
}

INLINE u32 count_cpus(struct masks *m, u32 words)
{
	struct pass p = {.m = m, .words = words};
	bpf_loop(MAX_WORDS, count_step, &p, 0);
	return p.rank;
}

/* How many CPUs the cpuset allows; 0 when that can't be read. It overwrites
 * the mask. */
INLINE u32 cpuset_cpus(CSS *c, struct masks *m, u32 bytes)
{
	struct cpuset___pointer *pointer = (void *)c;
	struct cpuset___array *array = (void *)c;
	struct cpumask *mask;
	if (HAS_FIELD(pointer->effective_cpus))
		mask = GET(pointer, effective_cpus);
	else if (HAS_FIELD(array->effective_cpus))
		mask = (void *)&array->effective_cpus;
	else
		return 0;
	FORGET(bytes);
	if (!c || bytes > MAX_BYTES || bpf_probe_read_kernel(m->real, bytes, mask))
		return 0;
	return count_cpus(m, (bytes + 7) / 8);
}

static long keep_step(u32 i, struct pass *p)
{
	if (i >= MAX_WORDS || i >= p->words)
		return 1;
	u64 word = p->m->real[i];
	u32 rank = p->rank; /* of the word's first CPU, among those in the mask */
	u64 kept = lowest_bits(word, p->end > rank ? p->end - rank : 0) & ~lowest_bits(word, p->first > rank ? p->first - rank : 0);
	p->m->real[i] = kept | lowest_bits(word, p->wrapped > rank ? p->wrapped - rank : 0);
	p->rank += count_bits(word);
	return 0;
}

/* Keeps n of the mask's CPUs, neighbours in the order of their numbers, from
 * the first-th on and around the end. */
INLINE void keep_cpus(struct masks *m, u32 words, u32 count, u32 first, u32 n)
{
	struct pass p = {.m = m, .words = words, .first = first, .end = first + n};
	p.wrapped = p.end > count ? p.end - count : 0;
	bpf_loop(MAX_WORDS, keep_step, &p, 0);
}

INLINE void change_affinity(struct task_struct *task, void *user_mask, long ret, u32 index)
{
	struct who w;
	struct masks *m = bpf_map_lookup_elem(&scratch, &index);
	if (!by_quota || !m || ret <= 0 || ret > MAX_BYTES || !has_view(task) || !identify(&w, task))
		return;
	if (bpf_task_storage_get(&asked, task->group_leader, NULL, 0))
		return;
	u32 bytes = ret, last = (bytes - 1) / 8, words = last + 1;
	struct place cpu = find_place(&w, ENUM(cgroup_subsys_id, cpu_cgrp_id));
	u64 n = cpu.leaf ? quota_cpus((u64)cpu.leaf) : ~0ULL;
	if (n >= bytes * 8)
		return;
	/* Compat masks may end within a word. */
	m->real[last & (MAX_WORDS - 1)] = 0;
	u32 allowed = cpuset_cpus(find_place(&w, ENUM(cgroup_subsys_id, cpuset_cgrp_id)).leaf, m, bytes);
	m->real[last & (MAX_WORDS - 1)] = 0;
	FORGET(bytes);
	if (bytes > MAX_BYTES || bpf_probe_read_user(m->real, bytes, user_mask))
		return;
	u32 count = count_cpus(m, words);
	/* Narrower than the cpuset: somebody has asked for that. */
	if (count <= n || !allowed || count < allowed)
		return;
	u32 hash = cgroup_id(cpu.root) * 0x9e3779b97f4a7c15 >> 32;
	keep_cpus(m, words, count, hash % count, n);
	u32 less_one = bytes - 1; /* the verifier must see that it is not 0 */
	FORGET(less_one);
	bpf_probe_write_user(user_mask, m->real, (less_one & MAX_BYTES - 1) + 1);
}

/* Threads set each other's affinities: the whole process counts. */
INLINE void note_asked(struct task_struct *task, long ret)
{
	u8 yes = 1;
	if (ret == 0 && has_view(task))
		bpf_task_storage_get(&asked, task->group_leader, &yes, BPF_LOCAL_STORAGE_GET_F_CREATE);
}
