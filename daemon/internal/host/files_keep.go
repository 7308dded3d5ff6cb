package host

import (
	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/cgroup"
)

func (f *Files[K, V]) newFile(path []byte, fd int) *file[V] {
	open := &file[V]{path: path, fd: fd, opening: Opening[V]{Number: f.clock.Add(1)}}
	open.used.Store(open.opening.Number)
	open.users.Store(1) // whoever asked for it
	return open
}

// maxPathBytes is twice what a path has in practice. Containers may make those
// of their cgroups 4 KiB long, and so many thousands of them.
const maxPathBytes = 768

// insert keeps a file, for its user and the map; another goroutine may have
// been faster, then that one's is the user's. When its path is very long, or
// the bound is reached and there is none to close for it, the file lasts for
// this one read.
func (f *Files[K, V]) insert(key K, open *file[V]) *file[V] {
	if len(open.path) > maxPathBytes {
		return open
	}
	if k, ok := any(key).(interface{ Clone() K }); ok { // it may be part of a longer text
		key = k.Clone()
	}
	f.mu.Lock()
	closed := f.files[key]
	switch {
	case closed != nil && closed.fd >= 0:
		other := closed
		other.users.Add(1)
		f.mu.Unlock()
		open.release()
		return other
	case closed == nil && f.kept.open.Load() >= f.kept.max.Load():
		if closed = f.leastUsed(); closed == nil {
			f.mu.Unlock()
			return open
		}
	case closed != nil: // it was missing
		f.kept.open.Add(-1)
	}
	open.users.Add(1)
	f.kept.open.Add(1)
	f.files[key] = open
	f.mu.Unlock()
	if closed != nil {
		closed.release()
	}
	return open
}

// leastUsed takes the least lately used of a few files out of the map: the
// order of all of them would cost more than it gains. Where many of the few are
// one container's, it is one of those.
func (f *Files[K, V]) leastUsed() *file[V] {
	const few, standsOut = 16, 4 // a quarter
	keys, branches := make([]K, 0, few), make([]string, 0, few)
	for key, open := range f.files { // starts somewhere else each time
		keys, branches = append(keys, key), append(branches, branch(key, open))
		if len(keys) == few {
			break
		}
	}
	top := cgroup.Crowd(branches, standsOut)
	var least *file[V]
	var leastKey K
	for i, key := range keys {
		open := f.files[key]
		if cgroup.InBranch(branches[i], top) && (least == nil || open.used.Load() < least.used.Load()) {
			least, leastKey = open, key
		}
	}
	if least != nil {
		delete(f.files, leastKey)
		f.kept.open.Add(-1)
	}
	return least
}

// branch tells whose a file is: the cgroup that it is about, if its key or the
// user's value knows it; else its own place is as good.
func branch[K comparable, V any](key K, open *file[V]) string {
	if k, ok := any(key).(interface{ Branch() string }); ok {
		return k.Branch()
	}
	if v, ok := any(&open.opening.Value).(interface{ Branch() string }); ok {
		return v.Branch()
	}
	return string(open.path)
}

// evict takes a file out of the map, unless another has its place already.
func (f *Files[K, V]) evict(key K, open *file[V]) {
	f.mu.Lock()
	mine := f.files[key] == open
	if mine {
		delete(f.files, key)
		f.kept.open.Add(-1)
	}
	f.mu.Unlock()
	if mine {
		open.release()
	}
}

// spare closes a file that has a descriptor, unless there is none. What is
// known of those that are missing goes as well.
func (f *Files[K, V]) spare() bool {
	for {
		f.mu.Lock()
		open := f.leastUsed()
		f.mu.Unlock()
		if open == nil {
			return false
		}
		had := open.fd >= 0
		open.release()
		if had {
			return true
		}
	}
}

func (f *Files[K, V]) sweep() {
	var idle []*file[V]
	f.mu.Lock()
	for key, open := range f.files {
		if open.used.Load() < f.swept {
			delete(f.files, key)
			f.kept.open.Add(-1)
			idle = append(idle, open)
		}
	}
	f.swept = f.clock.Add(1)
	f.mu.Unlock()
	for _, open := range idle {
		open.release()
	}
}

// release closes the file after its last user, so that no read ever finds
// another file behind its number.
func (open *file[V]) release() {
	if open.users.Add(-1) == 0 && open.fd >= 0 {
		unix.Close(open.fd)
	}
}
