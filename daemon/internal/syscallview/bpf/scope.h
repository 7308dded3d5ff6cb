/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Whose answers are changed: those of tasks in a container that has the view.
 * The mounts of the task's own mount namespace tell, so that nothing has to
 * be known beforehand, and the first call is answered like all others. */
#pragma once
#include "kernel.h"

/* Filled by the loader. */
const volatile u32 host_mnt_ns;  /* inode of the mount namespace of the host's pid 1 */
const volatile u32 host_pid_ns;  /* inode of the daemon's pid namespace */

enum { FUSE_MAGIC = 0x65735546, PROC_MAGIC = 0x9fa0, SYSFS_MAGIC = 0x62656572 };

/* What a walk over a mount namespace found, while its mounts stay the same. */
struct scope_key { u64 ns, seq; };
struct scope { u64 event, has_view; };
struct {
	NUMBER(type, BPF_MAP_TYPE_LRU_HASH);
	NUMBER(max_entries, 16384);
	TYPE(key, struct scope_key);
	TYPE(value, struct scope);
} scopes SEC(".maps");

/* A file of fuse.podview over one of /proc or /sys. The mount of the whole
 * tree, which the host has, is none. */
INLINE int is_view_file(struct mount *m)
{
	struct super_block *sb = GET(m, mnt.mnt_sb);
	if (GET(sb, s_magic) != FUSE_MAGIC || GET(m, mnt.mnt_root) == GET(sb, s_root))
		return 0;
	char subtype[8] = {};
	bpf_probe_read_kernel(subtype, sizeof subtype, GET(sb, s_subtype));
	if (*(u64 *)subtype != *(const u64 *)"podview")
		return 0;
	struct dentry *over = GET(m, mnt_mountpoint);
	struct super_block *below = GET(over, d_sb);
	unsigned long magic = GET(below, s_magic);
	return magic == PROC_MAGIC || magic == SYSFS_MAGIC;
}

#define MOUNT_OF(child) ((struct mount *)((void *)(child) - __builtin_preserve_field_info(((struct mount *)0)->mnt_child, 0)))

enum { MAX_STEPS = 16384 }; /* two for each mount */

struct walk { struct mount *root, *at; u32 up, found; };

/* One move of the kernel's next_mnt(): down to the children, else aside, else
 * up. Without locks: a list that changes meanwhile may lead astray, but not
 * for ever, and then the caller sees that it changed. */
static long walk_step(u32 index, struct walk *w)
{
	struct mount *m = w->at;
	struct list_head *next;
	if (!m)
		return 1;
	if (!w->up) {
		if (is_view_file(m)) {
			w->found = 1;
			return 1;
		}
		next = GET(&m->mnt_mounts, next);
		if (next && next != &m->mnt_mounts) {
			w->at = MOUNT_OF(next);
			return 0;
		}
	}
	if (m == w->root)
		return 1;
	struct mount *parent = GET(m, mnt_parent);
	next = GET(&m->mnt_child, next);
	w->up = !next || next == &parent->mnt_mounts;
	w->at = w->up ? parent : MOUNT_OF(next);
	return 0;
}

INLINE u32 has_view_file(struct mnt_namespace *ns)
{
	struct walk w = {.root = GET(ns, root)};
	w.at = w.root;
	bpf_loop(MAX_STEPS, walk_step, &w, 0);
	return w.found;
}

/* A mount namespace counts its changes (event), but starts at 0. */
INLINE int has_view(struct task_struct *task)
{
	struct nsproxy *proxy = GET(task, nsproxy);
	struct mnt_namespace *ns = GET(proxy, mnt_ns);
	if (!ns || GET(&ns->ns, inum) == host_mnt_ns)
		return 0;
	struct scope_key key = {.ns = (u64)ns};
	int known = 1;
	if (HAS_FIELD(ns->seq))
		key.seq = GET(ns, seq);
	else if (HAS_FIELD(ns->ns.ns_id))
		key.seq = GET(&ns->ns, ns_id);
	else
		known = 0;
	u64 event = GET(ns, event);
	struct scope *found = known ? bpf_map_lookup_elem(&scopes, &key) : NULL;
	if (found && found->event == event)
		return found->has_view;
	struct scope scope = {.event = event, .has_view = has_view_file(ns)};
	if (known && GET(ns, event) == event)
		bpf_map_update_elem(&scopes, &key, &scope, 0);
	return scope.has_view;
}
