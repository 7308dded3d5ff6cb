/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Which cgroups are a task's container: the rules of internal/caller, as far
 * as they need no names. */
#pragma once
#include "scope.h"

enum { MAX_LEVELS = 32 }; /* of pid namespaces (the kernel's bound) and of cgroups */

/* No typedef: the loader would look for its name in the kernel. */
#define CSS struct cgroup_subsys_state

/* A task, and pid 1 of its container: of the namespace that is next below the
 * daemon's own, so that a sandbox within the container is no container. NULL
 * for a pod with hostPID. */
struct who { struct task_struct *task, *init; };

/* 0 when the task is not below the daemon's pid namespace at all. */
INLINE int identify(struct who *w, struct task_struct *task)
{
	struct pid *pid = GET(task, thread_pid);
	u32 level = GET(pid, level);
	w->task = task;
	w->init = NULL;
	int found = 0;
	for (u32 i = 0; i < MAX_LEVELS && i <= level; i++) {
		struct upid *at = (void *)&pid->numbers + i * TYPE_SIZE(struct upid);
		struct pid_namespace *ns = GET(at, ns);
		if (found) {
			w->init = GET(ns, child_reaper);
			break;
		}
		found = GET(&ns->ns, inum) == host_pid_ns;
	}
	return found;
}

/* Limits are the tightest from leaf upwards; usage is root's. by_init is set
 * when root is that of the container's pid 1. */
struct place { CSS *leaf, *root; int by_init; };

INLINE CSS *css_of(struct css_set *set, u32 id)
{
	CSS *c = NULL;
	if (id < 16)
		bpf_probe_read_kernel(&c, sizeof c, (void *)&set->subsys + id * sizeof c);
	return c;
}

INLINE int is_top(CSS *c) { return !GET(c, parent); }

/* top is c or above it. */
SEPARATE int is_below(u64 of, u64 top)
{
	CSS *c = (void *)of;
	for (int i = 0; i < MAX_LEVELS && c; i++) {
		if (c == (void *)top)
			return 1;
		c = GET(c, parent);
	}
	return 0;
}

/* The cgroup just below the hierarchy's top that c is in. */
SEPARATE u64 first_component(u64 of)
{
	CSS *c = (void *)of;
	for (int i = 0; i < MAX_LEVELS; i++) {
		CSS *parent = GET(c, parent);
		if (!parent || is_top(parent))
			break;
		c = parent;
	}
	return (u64)c;
}

/* systemd as pid 1 of a container moves itself into init.scope. */
INLINE CSS *without_init_scope(CSS *c)
{
	static const char scope[16] = "init.scope";
	char name[16] = {};
	struct cgroup *group = GET(c, cgroup);
	struct kernfs_node *node = GET(group, kn);
	bpf_probe_read_kernel(name, sizeof "init.scope", GET(node, name));
	return ((u64 *)name)[0] == ((const u64 *)scope)[0] && ((u64 *)name)[1] == ((const u64 *)scope)[1] ? GET(c, parent) : c;
}

INLINE struct place find_place(struct who *w, u32 id)
{
	CSS *own = css_of(GET(w->task, cgroups), id);
	struct place p = {.leaf = own, .root = own};
	if (!own)
		return p;
	CSS *init = w->init ? css_of(GET(w->init, cgroups), id) : NULL;
	if (init)
		init = without_init_scope(init);
	if (init && !is_top(init)) { /* an init at the top confines nobody */
		if (is_below((u64)own, (u64)init)) {
			p.root = init;
			p.by_init = 1;
			return p;
		}
		/* Entered from outside with a cgroup of the host's (nsenter). */
		if (is_below((u64)init, (u64)own) || first_component((u64)init) != first_component((u64)own)) {
			p.leaf = p.root = init;
			p.by_init = 1;
			return p;
		}
	}
	/* In a pod with one pid namespace the cgroup namespace tells. */
	struct nsproxy *proxy = GET(w->task, nsproxy);
	struct cgroup_namespace *ns = GET(proxy, cgroup_ns);
	CSS *top = css_of(GET(ns, root_cset), id);
	if (top && !is_top(top) && is_below((u64)own, (u64)top))
		p.root = top;
	return p;
}

INLINE u64 cgroup_id(CSS *c)
{
	struct cgroup *group = GET(c, cgroup);
	struct kernfs_node *node = GET(group, kn);
	return GET(node, id);
}

/* cgroup v2 is hierarchy 0. */
INLINE int is_v2(CSS *c)
{
	struct cgroup *group = GET(c, cgroup);
	struct cgroup_root *root = GET(group, root);
	return GET(root, hierarchy_id) == 0;
}
