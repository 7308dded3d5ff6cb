package pipeline

import (
	"slices"
	"strings"
	"sync"

	"github.com/podview/podview/daemon/internal/cgroup"
)

// limits remembers what limits containers, and which cgroup has a name (by
// cgroup.Source's ID), for as long as host.Changes counts no change.
type limits struct {
	memory remembered[memoryKey, cgroup.MemoryLimit]
	cpu    remembered[cpuKey, cpuLimits]
	ids    remembered[idKey, uint64]
}

func (l *limits) forget() {
	l.memory.forget()
	l.cpu.forget()
	l.ids.forget()
}

type memoryKey struct {
	leaf   string
	noSwap bool
}

func (k memoryKey) Size() int { return len(k.leaf) }

func (k memoryKey) Clone() memoryKey {
	k.leaf = strings.Clone(k.leaf)
	return k
}

// cpuKey has the places of two v1 hierarchies, and which CPUs are online: the
// kernel takes the others out of a cpuset's effective CPUs, and puts them back.
type cpuKey struct {
	cpuLeaf, cpuRoot, cpusetLeaf string
	onlineSum                    uint64
}

func (k cpuKey) Size() int { return len(k.cpuLeaf) + len(k.cpuRoot) + len(k.cpusetLeaf) }

func (k cpuKey) Clone() cpuKey {
	k.cpuLeaf, k.cpuRoot, k.cpusetLeaf = strings.Clone(k.cpuLeaf), strings.Clone(k.cpuRoot), strings.Clone(k.cpusetLeaf)
	return k
}

// idKey is a container's cgroup.
type idKey string

func (k idKey) Size() int { return len(k) }

func (k idKey) Clone() idKey { return idKey(strings.Clone(string(k))) }

type cpuLimits struct {
	bandwidth cgroup.CPULimit
	id        uint64 // of the container's cgroup, where it has a bandwidth limit
	cpuset    []int  // empty where there is no cpuset controller
}

// memoryLimit fills r.memory's limit.
func (p *Pipeline) memoryLimit(r *request, pl cgroup.Place, noSwap bool) (err error) {
	key, limit, ok := memoryKey{pl.Leaf, noSwap}, &r.memory.MemoryLimit, false
	if *limit, ok = p.limits.memory.get(key, r.changes); ok {
		return nil
	}
	if err = p.Hierarchies.Memory.Source.MemoryLimit(pl, noSwap, limit); err == nil {
		p.limits.memory.put(key, r.changes, *limit)
	}
	return err
}

// cpuLimits fills r.limit. It goes on without a missing controller: the other
// one's limit is still true. r.onlineSum must be filled.
func (p *Pipeline) cpuLimits(r *request) (err error) {
	cpu, hasCPU := optionalPlace(r.who, p.Hierarchies.CPU)
	cpuset, hasCPUSet := optionalPlace(r.who, p.Hierarchies.CPUSet)
	key, limit, ok := cpuKey{cpu.Leaf, cpu.Root, cpuset.Leaf, r.onlineSum}, &r.limit, false
	if *limit, ok = p.limits.cpu.get(key, r.changes); ok {
		return nil
	}
	if hasCPU {
		if err = p.Hierarchies.CPU.Source.CPULimit(cpu, &limit.bandwidth); err != nil {
			return err
		}
		limit.id = 0
		if limit.bandwidth.QuotaUsec > 0 {
			if limit.id, err = p.Hierarchies.CPU.Source.CPUID(cpu); err != nil {
				return err
			}
		}
	}
	if hasCPUSet {
		if r.cpuset, err = p.Hierarchies.CPUSet.Source.CPUs(cpuset, r.cpuset); err != nil {
			return err
		}
		if !slices.Equal(limit.cpuset, r.cpuset) {
			limit.cpuset = slices.Clone(r.cpuset)
		}
	}
	p.limits.cpu.put(key, r.changes, *limit)
	return nil
}

// remembered is values that hold while nothing was changed. The zero value is
// ready; concurrent use is safe.
type remembered[K interface {
	comparable
	Clone() K // with memory of its own: a cgroup's path is part of a longer text
	Size() int
}, V any] struct {
	mu     sync.RWMutex
	values map[K]*rememberedValue[V]
	bytes  int // of the keys and lists
}

type rememberedValue[V any] struct {
	changes uint64
	value   V
}

// maxRemembered bounds the values, and maxRememberedBytes the names, which
// containers may make 4 KiB long, and the lists of CPUs, which are as long on a
// machine of 512; all are dropped when there are more, which costs reading the
// limits again.
const (
	maxRemembered      = 8192
	maxRememberedBytes = 4 << 20
)

// get returns the value, and whether it was put at this count of changes. Its
// memory is all readers'.
func (m *remembered[K, V]) get(key K, changes uint64) (value V, ok bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if v := m.values[key]; v != nil {
		return v.value, v.changes == changes
	}
	return value, false
}

func (m *remembered[K, V]) put(key K, changes uint64, value V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v := m.values[key]; v != nil {
		m.bytes += size(value) - size(v.value)
		v.changes, v.value = changes, value
	} else {
		if m.values == nil || len(m.values) >= maxRemembered {
			m.values, m.bytes = map[K]*rememberedValue[V]{}, 0
		}
		m.bytes += key.Size() + size(value)
		m.values[key.Clone()] = &rememberedValue[V]{changes, value}
	}
	if m.bytes > maxRememberedBytes {
		m.values, m.bytes = nil, 0
	}
}

// size is of what a value has beside itself.
func size(value any) int {
	if l, ok := value.(cpuLimits); ok {
		return 8 * cap(l.cpuset)
	}
	return 0
}

func (m *remembered[K, V]) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values, m.bytes = nil, 0
}
