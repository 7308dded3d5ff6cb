package sample

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/podview/podview/daemon/internal/cgroup"
)

// maxLeaves bounds the counters of one container: its inner cgroups may have
// limits of their own, and it may make as many of them as it likes. The one
// that was not read for the longest time starts again.
const maxLeaves = 128

// maxNameBytes bounds a name in a Key: a cgroup's path may have 4 KiB, and a
// container chooses part of it.
const maxNameBytes = 384

// Short is the key with names of bounded length: the end of a longer one is
// replaced by a hash. All keys that tables are asked for must be short.
func (k Key) Short() Key {
	k.Root, k.CPULeaf, k.CPUSetLeaf = short(k.Root), short(k.CPULeaf), short(k.CPUSetLeaf)
	return k
}

func short(name string) string {
	if len(name) <= maxNameBytes {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return name[:maxNameBytes-hex.EncodedLen(len(sum))] + hex.EncodeToString(sum[:])
}

// Clone is the key with memory of its own. Those that are read from a longer
// text (/proc/PID/cgroup) would keep all of that.
func (k Key) Clone() Key {
	k.Root, k.CPULeaf, k.CPUSetLeaf = strings.Clone(k.Root), strings.Clone(k.CPULeaf), strings.Clone(k.CPUSetLeaf)
	return k
}

// room is how many counters fit a table: fewer on a machine of many CPUs, where
// each takes 64 bytes for each CPU here, and 96 in the Store.
func room(cpus int) int {
	const tableBytes, bytesPerCPU, least = 64 << 20, 64 + 96, 1024
	return max(least, min(maxContainers, tableBytes/bytesPerCPU/max(cpus, 1)))
}

// grow makes the table one of counters of so many CPUs. It then holds fewer.
func (t *CPUTable) grow(cpus int) {
	if cpus <= t.cpus {
		return
	}
	t.cpus = cpus
	for len(t.containers) > room(cpus) {
		t.thin()
	}
}

// thin evicts where the crowd is.
func (t *CPUTable) thin() {
	for _, k := range crowd(t.containers, t.age) {
		t.evict(k)
	}
}

func (t *CPUTable) age(k Key) uint64 { return t.containers[k].nowNsec }

// add makes room for a container, and has it in the table without counters.
func (t *CPUTable) add(key Key) *cpuCounters {
	if t.containers == nil {
		t.containers, t.leaves = map[Key]*cpuCounters{}, map[string][]Key{}
	}
	if own := t.leaves[key.Root]; len(own) >= maxLeaves {
		t.evict(slices.MinFunc(own, func(a, b Key) int { return cmp.Compare(t.age(a), t.age(b)) }))
	}
	if len(t.containers) >= room(t.cpus) {
		t.thin()
	}
	key = key.Clone()
	c := &cpuCounters{record: recordHash("cpu", key), busy: t.busy}
	t.containers[key] = c
	t.leaves[key.Root] = append(t.leaves[key.Root], key)
	return c
}

func (t *CPUTable) evict(key Key) {
	t.Store.drop(t.containers[key].record)
	delete(t.containers, key)
	root := key.Root
	if t.leaves[root] = slices.DeleteFunc(t.leaves[root], func(k Key) bool { return k == key }); len(t.leaves[root]) == 0 {
		delete(t.leaves, root)
	}
}

// crowd is who has to leave a full table: an eighth of those where the crowd
// is, the oldest. So a container that makes containers in itself does not take
// the place of those beside it.
func crowd[V any](containers map[Key]V, age func(Key) uint64) []Key {
	keys, roots := make([]Key, 0, len(containers)), make([]string, 0, len(containers))
	for k := range containers {
		keys, roots = append(keys, k), append(roots, k.Root)
	}
	const standsOut = 16 // a sixteenth
	top := cgroup.Crowd(roots, standsOut)
	keys = slices.DeleteFunc(keys, func(k Key) bool { return !cgroup.InBranch(k.Root, top) })
	slices.SortFunc(keys, func(a, b Key) int { return cmp.Compare(age(a), age(b)) })
	return keys[:len(keys)/8+1]
}
