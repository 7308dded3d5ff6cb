package sample

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
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
// each takes some 120 bytes for each CPU, here and in the Store.
func room(cpus int) int {
	const tableBytes, bytesPerCPU, least = 64 << 20, 120, 1024
	return max(least, min(maxContainers, tableBytes/bytesPerCPU/max(cpus, 1)))
}

// add makes room for a container, and has it in the table without counters.
func (t *CPUTable) add(key Key, cpus int) *cpuCounters {
	if t.containers == nil {
		t.containers, t.leaves = map[Key]*cpuCounters{}, map[string][]Key{}
	}
	age := func(k Key) uint64 { return t.containers[k].nowNsec }
	if own := t.leaves[key.Root]; len(own) >= maxLeaves {
		t.evict(slices.MinFunc(own, func(a, b Key) int { return cmp.Compare(age(a), age(b)) }))
	}
	if len(t.containers) >= room(cpus) {
		for _, k := range crowd(t.containers, age) {
			t.evict(k)
		}
	}
	key = key.Clone()
	c := &cpuCounters{record: recordHash("cpu", key)}
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

// crowd is who has to leave a full table. It follows the tree of cgroups down,
// each time into the branch that has most entries, as long as one stands out,
// and takes an eighth of those there: the oldest. So a container that makes
// containers in itself does not take the place of those beside it.
func crowd[V any](containers map[Key]V, age func(Key) uint64) []Key {
	keys := make([]Key, 0, len(containers))
	for k := range containers {
		keys = append(keys, k)
	}
	const standsOut = 16 // a sixteenth
	for depth := 0; ; {
		branches, fullest := map[string]int{}, ""
		for _, k := range keys {
			b := branch(k.Root, depth)
			branches[b]++
			if branches[b] > branches[fullest] {
				fullest = b
			}
		}
		if len(fullest) <= depth || branches[fullest]*standsOut < len(keys) || branches[fullest] == 1 {
			break
		}
		keys = slices.DeleteFunc(keys, func(k Key) bool { return branch(k.Root, depth) != fullest })
		depth = len(fullest)
	}
	slices.SortFunc(keys, func(a, b Key) int { return cmp.Compare(age(a), age(b)) })
	return keys[:len(keys)/8+1]
}

// branch is the beginning of path up to the first / after so many bytes.
func branch(path string, bytes int) string {
	if len(path) <= bytes {
		return path
	}
	if i := strings.IndexByte(path[bytes+1:], '/'); i >= 0 {
		return path[:bytes+1+i]
	}
	return path
}
