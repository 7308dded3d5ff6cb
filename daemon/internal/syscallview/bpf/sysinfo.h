/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* sysinfo(2), by the formulas of internal/view. What can't be read stays as
 * the kernel answered it. */
#pragma once
#include "place.h"

const volatile u64 page_bytes = 4096;

enum { NSEC_PER_SEC = 1000000000, NSEC_PER_TICK = 10000000 }; /* USER_HZ is 100 */

struct sysinfo {
	u64 uptime, loads[3];
	u64 totalram, freeram, sharedram, bufferram, totalswap, freeswap;
	u16 procs, pad;
	u32 pad2;
	u64 totalhigh, freehigh;
	u32 mem_unit, pad3;
};
struct compat_sysinfo {
	u32 uptime, loads[3];
	u32 totalram, freeram, sharedram, bufferram, totalswap, freeswap;
	u16 procs, pad;
	u32 totalhigh, freehigh, mem_unit;
};

/* Load averages by the container's cgroup (its inode number), in the kernel's
 * fixed point, and when they were worked out (nanoseconds since boot). The
 * daemon does that every 5 s for containers whose loadavg is read. */
struct loads { u64 averages[3], at; };
struct {
	NUMBER(type, BPF_MAP_TYPE_LRU_HASH);
	NUMBER(max_entries, 4096);
	TYPE(key, u64);
	TYPE(value, struct loads);
} loads SEC(".maps");

enum { LOAD_SHIFT = 16 - 11 }; /* from FIXED_1 to SI_LOAD_SHIFT */
#define MAX_AGE_NSEC (30ULL * NSEC_PER_SEC)

INLINE u64 less(u64 a, u64 b) { return a < b ? 0 : a - b; }
INLINE u64 least(u64 a, u64 b) { return a < b ? a : b; }

INLINE u64 max_pages(struct page_counter *counter) { return GET(counter, max); }
INLINE u64 used_pages(struct page_counter *counter)
{
	u64 pages = 0;
	bpf_probe_read_kernel(&pages, sizeof pages, &counter->usage);
	return pages;
}

/* As of the kernel's last flush, 2 seconds ago at most. Since Linux 6.10 the
 * array is packed by an index that is out of reach. */
INLINE u64 shmem_bytes(struct mem_cgroup *group)
{
	struct memcg_vmstats *stats = NULL;
	if (!HAS_FIELD(group->vmstats) || !HAS_FIELD(stats->state) ||
	    FIELD_SIZE(stats->state) != ENUM(memcg_stat_item, MEMCG_NR_STAT) * sizeof(long))
		return 0;
	stats = GET(group, vmstats);
	s64 pages = 0;
	bpf_probe_read_kernel(&pages, sizeof pages, (void *)&stats->state + ENUM(node_stat_item, NR_SHMEM) * sizeof(long));
	return pages > 0 ? pages * page_bytes : 0;
}

/* Of the counter for memory, or of the other one. */
SEPARATE u64 tightest_pages(u64 of, u32 swap)
{
	CSS *c = (void *)of;
	u64 pages = ~0ULL;
	for (int i = 0; i < MAX_LEVELS && c; i++) {
		struct mem_cgroup *group = (void *)c;
		pages = least(pages, swap ? max_pages(&group->swap) : max_pages(&group->memory));
		c = GET(c, parent);
	}
	return pages;
}

INLINE void change_memory(struct sysinfo *si, struct place *p)
{
	u64 unit = si->mem_unit ?: 1;
	u64 memory = tightest_pages((u64)p->leaf, 0), swap = tightest_pages((u64)p->leaf, 1);
	struct mem_cgroup *group = (void *)p->root;
	u64 used = used_pages(&group->memory), used_swap = used_pages(&group->swap);
	const u64 unlimited = (1ULL << 63) / page_bytes - 1;
	if (!is_v2(p->root) && swap < unlimited) { /* memory and swap together */
		swap = less(swap, memory);
		used_swap = less(used_swap, used);
	}
	if (memory < si->totalram * unit / page_bytes) {
		u64 total = memory ? memory : 1; /* programs divide by it */
		si->totalram = total * page_bytes / unit;
		si->freeram = less(total, used) * page_bytes / unit;
		si->sharedram = shmem_bytes(group) / unit;
		si->bufferram = 0; /* cgroups count buffers as cache */
	}
	if (swap < si->totalswap * unit / page_bytes) {
		si->totalswap = swap * page_bytes / unit;
		si->freeswap = less(swap, used_swap) * page_bytes / unit;
	}
}

/* Threads, as the kernel's own figure. On v2 a container without the pids
 * controller has that of a cgroup above it, which counts others too. */
INLINE void change_procs(struct sysinfo *si, struct who *w, CSS *memory)
{
	if (!HAS_ENUM(cgroup_subsys_id, pids_cgrp_id))
		return;
	struct place p = find_place(w, ENUM(cgroup_subsys_id, pids_cgrp_id));
	if (!p.root || is_top(p.root))
		return;
	if (is_v2(p.root) && (!memory || GET(memory, cgroup) != GET(p.root, cgroup)))
		return;
	s64 threads = 0;
	bpf_probe_read_kernel(&threads, sizeof threads, &((struct pids_cgroup *)p.root)->counter);
	if (threads > 0)
		si->procs = threads > 65535 ? 65535 : threads;
}

INLINE void change_sysinfo(struct sysinfo *si, struct who *w)
{
	struct place p = find_place(w, ENUM(cgroup_subsys_id, memory_cgrp_id));
	if (p.root)
		change_memory(si, &p);
	u64 started = w->init && p.by_init ? GET(w->init, start_boottime) : 0;
	if (started) { /* rounded up, as the kernel does; the start to ticks, as in /proc/PID/stat */
		u64 since = bpf_ktime_get_boot_ns() - started + started % NSEC_PER_TICK;
		si->uptime = (since + NSEC_PER_SEC - 1) / NSEC_PER_SEC;
	}
	change_procs(si, w, p.root);
	p = find_place(w, ENUM(cgroup_subsys_id, cpu_cgrp_id));
	u64 id = p.root ? cgroup_id(p.root) : 0;
	struct loads *known = bpf_map_lookup_elem(&loads, &id);
	if (known && bpf_ktime_get_boot_ns() - known->at < MAX_AGE_NSEC)
		for (int i = 0; i < 3; i++)
			si->loads[i] = known->averages[i] << LOAD_SHIFT;
}
