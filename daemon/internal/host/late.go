package host

import (
	"sync"
	"time"
)

// late is a text that may be shown for a moment longer.
type late struct {
	mu     sync.Mutex
	text   []byte
	at     time.Duration // since the process started
	beside uint64
	valid  bool
}

// AppendLately is AppendAll, but the text may be up to maxAge old. It is for
// the few files that cost the kernel more than all others together. Of readers
// at the same time one reads and the others wait for it.
//
// beside is a number that must not have changed since the text was read: the
// opening of another file of the same cgroup, which was just read afresh. So
// a cgroup never shows what an earlier one of its name left. With beside 0
// there is no such proof, and the text is read anew.
func (f *Files[K, V]) AppendLately(dst []byte, key K, maxAge time.Duration, beside uint64) ([]byte, *Opening[V], error) {
	if maxAge <= 0 || beside == 0 {
		return f.AppendAll(dst, key)
	}
	return f.each(key, func(open *file[V]) ([]byte, error) {
		l := &open.late
		l.mu.Lock()
		defer l.mu.Unlock()
		if now := time.Since(started); !l.valid || l.beside != beside || now-l.at >= maxAge {
			text, err := appendPieces(dst, open.fd)
			if err != nil {
				return nil, err
			}
			l.text = append(l.text[:0], text[len(dst):]...)
			l.at, l.beside, l.valid = now, beside, true
			return text, nil
		}
		return append(dst, l.text...), nil
	})
}

var started = time.Now()
