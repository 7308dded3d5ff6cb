package pipeline

import "k8s.io/klog/v2"

// MayOpen tells whether a thread may open a file that is root's alone. The
// kernel has found it to be of root's group, since the view's files have no
// owner; that is not enough.
//
// The root of a user namespace reads what is its container's own (slabinfo),
// through an ID-mapped mount, but nothing of the host's.
func (p *Pipeline) MayOpen(tid int, path string) bool {
	if tid == invisible {
		return false
	}
	ofHost, inside, err := p.callers.Root(tid)
	if err != nil {
		klog.V(4).InfoS("A file that is root's alone is refused", "file", path, "err", err)
		return false
	}
	return ofHost || inside && p.find(path).private
}
