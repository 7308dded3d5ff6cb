/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* sched_getaffinity(2): as many CPUs of the real mask as internal/view shows. */
#pragma once
#include "place.h"

const volatile u8 by_quota = 1; /* --cpu-view=quota */
const volatile u32 order_slots;	/* used of order; 0 for the lowest CPUs */

enum { MAX_WORDS = 128, MAX_BYTES = MAX_WORDS * 8, MAX_CPUS = MAX_BYTES * 8 }; /* the kernel's most */

/* Masks are too large for the stack. One for each program: a program runs
 * once at a time on a CPU, but two programs may. */
struct masks { u64 real[MAX_WORDS], kept[MAX_WORDS]; };
enum scratch { NATIVE, COMPAT, SCRATCHES };
struct {
	NUMBER(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	NUMBER(max_entries, SCRATCHES);
	TYPE(key, u32);
	TYPE(value, struct masks);
} scratch SEC(".maps");

/* The machine's CPUs in the order of its topology: view.OrderSlot. */
struct slot { u32 cpu, core_first, core_end, node_first, node_end; };
struct {
	NUMBER(type, BPF_MAP_TYPE_ARRAY);
	NUMBER(max_entries, 1); /* the loader knows how many */
	TYPE(key, u32);
	TYPE(value, struct slot);
} order SEC(".maps");

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
struct pass { struct masks *m; u32 words, count; };

static long count_step(u32 i, struct pass *p)
{
	if (i >= MAX_WORDS || i >= p->words)
		return 1;
	p->count += count_bits(p->m->real[i]);
	p->m->kept[i] = 0;
	return 0;
}

/* It clears what is kept, too. */
INLINE u32 count_cpus(struct masks *m, u32 words)
{
	struct pass p = {.m = m, .words = words};
	bpf_loop(MAX_WORDS, count_step, &p, 0);
	return p.count;
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

/* Keeps the lowest count. */
static long lowest_step(u32 i, struct pass *p)
{
	if (i >= MAX_WORDS || i >= p->words || !p->count)
		return 1;
	u64 word = lowest_bits(p->m->real[i], p->count);
	p->m->kept[i] = word;
	p->count -= count_bits(word);
	return 0;
}

/* The choice of view.Order: the way from the container's first CPU, in slots. */
struct choice {
	struct masks *m;
	u64 container, highest;
	u32 bits, left, first, core_first, core_end, node_first, node_end, backwards;
};

INLINE int is_set(struct choice *c, u32 cpu)
{
	return cpu < MAX_CPUS && cpu < c->bits && c->m->real[cpu / 64 & (MAX_WORDS - 1)] >> (cpu & 63) & 1;
}

/* view.mix */
INLINE u64 mix(u64 container, u64 cpu)
{
	u64 x = container * 0x9e3779b97f4a7c15 + (cpu + 1) * 0xd1342543de82ef95;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

/* Finds the slot with the highest hash. */
static long first_step(u32 i, struct choice *c)
{
	struct slot *s = bpf_map_lookup_elem(&order, &i);
	if (!s || i >= order_slots)
		return 1;
	u64 hash = mix(c->container, s->cpu);
	if (!is_set(c, s->cpu) || hash <= c->highest)
		return 0;
	c->highest = hash;
	c->first = i;
	c->core_first = s->core_first, c->core_end = s->core_end;
	c->node_first = s->node_first, c->node_end = s->node_end;
	return 0;
}

/* The same in a mirror. */
INLINE void turn_back(struct choice *c)
{
	u32 core_first = c->core_first, node_first = c->node_first;
	c->backwards = 1;
	c->first = order_slots - 1 - c->first;
	c->core_first = order_slots - c->core_end, c->core_end = order_slots - core_first;
	c->node_first = order_slots - c->node_end, c->node_end = order_slots - node_first;
}

/* The i-th slot on the way: to the end of the core and around, then of the
 * node, then of the machine. */
INLINE u32 slot_at(struct choice *c, u32 i)
{
	u32 n = c->core_end - c->first;
	if (i < n)
		return c->first + i;
	i -= n;
	if (i < (n = c->first - c->core_first))
		return c->core_first + i;
	i -= n;
	if (i < (n = c->node_end - c->core_end))
		return c->core_end + i;
	i -= n;
	if (i < (n = c->core_first - c->node_first))
		return c->node_first + i;
	i -= n;
	if (i < (n = order_slots - c->node_end))
		return c->node_end + i;
	return i - n;
}

static long choose_step(u32 i, struct choice *c)
{
	if (!c->left || i >= order_slots)
		return 1;
	u32 at = slot_at(c, i);
	if (c->backwards)
		at = order_slots - 1 - at;
	struct slot *s = bpf_map_lookup_elem(&order, &at);
	if (!s)
		return 1;
	u32 cpu = s->cpu;
	if (is_set(c, cpu)) {
		c->m->kept[cpu / 64 & (MAX_WORDS - 1)] |= 1ULL << (cpu & 63);
		c->left--;
	}
	return 0;
}

/* Keeps n of the real mask's CPUs; 0 when it could not. */
INLINE int keep_cpus(struct masks *m, u32 bytes, u32 n, u64 container)
{
	if (!order_slots) {
		struct pass p = {.m = m, .words = (bytes + 7) / 8, .count = n};
		bpf_loop(MAX_WORDS, lowest_step, &p, 0);
		return !p.count;
	}
	struct choice c = {.m = m, .bits = bytes * 8, .left = n, .container = container};
	bpf_loop(order_slots, first_step, &c, 0);
	if (!c.highest)
		return 0;
	if (c.highest & 1)
		turn_back(&c);
	bpf_loop(order_slots, choose_step, &c, 0);
	return !c.left;
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
	if (!keep_cpus(m, bytes, n, cgroup_id(cpu.root)))
		return;
	u32 less_one = bytes - 1; /* the verifier must see that it is not 0 */
	FORGET(less_one);
	bpf_probe_write_user(user_mask, m->kept, (less_one & MAX_BYTES - 1) + 1);
}

/* Threads set each other's affinities: the whole process counts. */
INLINE void note_asked(struct task_struct *task, long ret)
{
	u8 yes = 1;
	if (ret == 0 && has_view(task))
		bpf_task_storage_get(&asked, task->group_leader, &yes, BPF_LOCAL_STORAGE_GET_F_CREATE);
}
