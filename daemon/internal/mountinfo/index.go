package mountinfo

import "slices"

// Index finds mounts by their place, in a list of thousands too: who has a user
// namespace can pile up as many. It is for one goroutine.
type Index struct {
	mounts []Mount
	ids    map[int]bool
	on     map[place]int      // the first mount at a place
	tops   map[string]int     // the first one at a point whose parent is not in the list
	in     map[int][]int      // by parent
	stacks map[string][]Mount // answers of At
}

// place is a point in a mount.
type place struct {
	mount int
	point string
}

// NewIndex looks at each mount once.
func NewIndex(mounts []Mount) *Index {
	x := &Index{
		mounts: mounts, ids: make(map[int]bool, len(mounts)), on: make(map[place]int, len(mounts)),
		tops: map[string]int{}, in: make(map[int][]int, len(mounts)), stacks: map[string][]Mount{},
	}
	for _, m := range mounts {
		x.ids[m.ID] = true
	}
	for i, m := range mounts {
		if m.Parent == m.ID || !x.ids[m.Parent] { // an initramfs is its own parent
			if _, ok := x.tops[m.Point]; !ok {
				x.tops[m.Point] = i
			}
		}
		if m.Parent == m.ID {
			continue
		}
		if _, ok := x.on[place{m.Parent, m.Point}]; !ok {
			x.on[place{m.Parent, m.Point}] = i
		}
		x.in[m.Parent] = append(x.in[m.Parent], i)
	}
	return x
}

// At returns the mounts that whoever opens path finds exactly there, the
// lowest first, so that the last one is what shows. A mount that another one
// further up hides is not among them.
//
// It goes the kernel's way: from the root down, at each name onto whatever
// is mounted there. The first mount is one whose parent is not in the list,
// because the process cannot see it.
func (x *Index) At(path string) (there []Mount) {
	under := 0 // the mount that the walk is in
	for _, prefix := range prefixes(path) {
		var ok bool
		if there, ok = x.stacks[prefix]; !ok {
			there = x.stack(under, prefix)
			x.stacks[prefix] = there
		}
		if len(there) > 0 {
			under = there[len(there)-1].ID
		}
	}
	return there
}

// stack is what is mounted at point, for a walk that is in the mount under.
func (x *Index) stack(under int, point string) (there []Mount) {
	for range x.mounts { // a bound, should the list have a circle
		i, ok := x.on[place{under, point}]
		if !ok && under == 0 {
			i, ok = x.tops[point]
		}
		if !ok {
			break
		}
		there = append(there, x.mounts[i])
		under = x.mounts[i].ID
	}
	return there
}

// In returns the mount that whoever opens path finds it in: the last one at
// path or, with none there, at the nearest directory above that has one.
func (x *Index) In(path string) (m Mount, ok bool) {
	for _, prefix := range slices.Backward(prefixes(path)) {
		if there := x.At(prefix); len(there) > 0 {
			return there[len(there)-1], true
		}
	}
	return Mount{}, false
}

// Children returns the mounts whose mount point is in m itself.
func (x *Index) Children(m Mount) (all []Mount) {
	for _, i := range x.in[m.ID] {
		all = append(all, x.mounts[i])
	}
	return all
}

// At is Index.At for a single question.
func At(mounts []Mount, path string) []Mount { return NewIndex(mounts).At(path) }

// In is Index.In for a single question.
func In(mounts []Mount, path string) (Mount, bool) { return NewIndex(mounts).In(path) }

// Children is Index.Children for a single question.
func Children(mounts []Mount, m Mount) []Mount { return NewIndex(mounts).Children(m) }
