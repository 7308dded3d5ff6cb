package view

import (
	"cmp"
	"slices"
)

// CPUTopology is where one CPU sits in the machine. Any numbers will do that
// are equal for CPUs in the same part.
type CPUTopology struct {
	Number  int
	Package int
	Node    int // the NUMA node's number
	Core    int
}

// Order is all of a machine's CPUs in an order in which neighbours have most
// in common: threads of a core, cores of a package's NUMA node. nil is a
// machine of which nothing is known.
type Order struct {
	Slots []OrderSlot
	nodes []int   // of each slot
	slots []int32 // by the CPU's number; -1 for none
}

// OrderSlot is one CPU, and the slots from First to before End of its core and
// of its node. The layout is struct slot of syscallview/bpf/affinity.h.
type OrderSlot struct {
	CPU                int32
	CoreFirst, CoreEnd int32
	NodeFirst, NodeEnd int32
}

// NewOrder takes each CPU once.
func NewOrder(cpus []CPUTopology) *Order {
	cpus = slices.Clone(cpus)
	slices.SortFunc(cpus, func(a, b CPUTopology) int {
		return cmp.Or(cmp.Compare(a.Package, b.Package), cmp.Compare(a.Node, b.Node), cmp.Compare(a.Core, b.Core), cmp.Compare(a.Number, b.Number))
	})
	o := &Order{Slots: make([]OrderSlot, len(cpus)), nodes: make([]int, len(cpus))}
	sameNode := func(a, b CPUTopology) bool { return a.Package == b.Package && a.Node == b.Node }
	sameCore := func(a, b CPUTopology) bool { return sameNode(a, b) && a.Core == b.Core }
	for i, c := range cpus {
		s := &o.Slots[i]
		s.CPU = int32(c.Number)
		s.CoreFirst, s.CoreEnd = stretch(cpus, i, sameCore)
		s.NodeFirst, s.NodeEnd = stretch(cpus, i, sameNode)
		o.nodes[i] = c.Node
		for len(o.slots) <= c.Number {
			o.slots = append(o.slots, -1)
		}
		o.slots[c.Number] = int32(i)
	}
	return o
}

// stretch is the slots around at that are in the same part.
func stretch(cpus []CPUTopology, at int, same func(a, b CPUTopology) bool) (first, end int32) {
	f, e := at, at+1
	for f > 0 && same(cpus[f-1], cpus[at]) {
		f--
	}
	for e < len(cpus) && same(cpus[e], cpus[at]) {
		e++
	}
	return int32(f), int32(e)
}

// Node is the NUMA node that a CPU is in.
func (o *Order) Node(cpu int) (node int, ok bool) {
	slot, ok := o.slotOf(cpu)
	if !ok {
		return 0, false
	}
	return o.nodes[slot], true
}

func (o *Order) slotOf(cpu int) (slot int, ok bool) {
	if o == nil || cpu < 0 || cpu >= len(o.slots) || o.slots[cpu] < 0 {
		return 0, false
	}
	return int(o.slots[cpu]), true
}

// Choose appends n of the allowed CPUs (ascending, more than n) to dst,
// ascending. They are a container's for as long as it may run on them:
//
//   - The first one is where a hash of the container and the CPU is highest
//     (rendezvous hashing). Over many containers each CPU is as often the
//     first, and a cpuset that loses or gains a CPU moves only the containers
//     that had it.
//   - The others are its neighbours: the rest of its core, then of its node,
//     then of the machine, each from where it is to the end and around. So more
//     are the same and some, and fewer are some of the same. Half of all
//     containers go backwards, for else the second threads of cores would be
//     shown to fewer than the first.
//
// bpf/affinity.h does the same for sched_getaffinity(2).
func (o *Order) Choose(container uint64, allowed []int, n int, dst []int) []int {
	first, backwards, ok := o.first(container, allowed)
	if !ok {
		return append(dst, allowed[:n]...)
	}
	from, all := len(dst), len(o.Slots)
	s := o.Slots[first]
	coreFirst, coreEnd, nodeFirst, nodeEnd := int(s.CoreFirst), int(s.CoreEnd), int(s.NodeFirst), int(s.NodeEnd)
	if backwards { // the same in a mirror
		first = all - 1 - first
		coreFirst, coreEnd, nodeFirst, nodeEnd = all-coreEnd, all-coreFirst, all-nodeEnd, all-nodeFirst
	}
	for _, part := range [...][2]int{
		{first, coreEnd}, {coreFirst, first}, {coreEnd, nodeEnd}, {nodeFirst, coreFirst}, {nodeEnd, all}, {0, nodeFirst},
	} {
		for at := part[0]; at < part[1] && len(dst)-from < n; at++ {
			slot := at
			if backwards {
				slot = all - 1 - at
			}
			if cpu := int(o.Slots[slot].CPU); isIn(allowed, cpu) {
				dst = append(dst, cpu)
			}
		}
	}
	if len(dst)-from < n { // a CPU that nothing is known of
		return append(dst[:from], allowed[:n]...)
	}
	slices.Sort(dst[from:])
	return dst
}

func isIn(ascending []int, n int) bool {
	_, ok := slices.BinarySearch(ascending, n)
	return ok
}

// first is the slot of the allowed CPU with the highest hash, and which way to
// go from there.
func (o *Order) first(container uint64, allowed []int) (slot int, backwards, ok bool) {
	best, highest := allowed[0], uint64(0)
	for _, cpu := range allowed {
		if h := mix(container, uint64(cpu)); h > highest {
			best, highest = cpu, h
		}
	}
	slot, ok = o.slotOf(best)
	return slot, highest&1 == 1, ok
}

// mix is the finalizer of SplitMix64: the ids of containers and CPUs are small
// numbers that follow each other.
func mix(container, cpu uint64) uint64 {
	x := container*0x9e3779b97f4a7c15 + (cpu+1)*0xd1342543de82ef95
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
