package host

import (
	"sync"
	"time"
)

// late is a text that may be shown for a moment longer.
type late struct {
	mu    sync.Mutex
	text  []byte
	at    time.Duration // since the process started
	state uint64
	valid bool
}

// AppendLately is AppendAll, but the text may be up to maxAge old. It is for
// the few files that cost the kernel more than all others together. Of readers
// at the same time one reads and the others wait for it.
//
// state is a number that must not have changed since the text was read, for a
// text that depends on something that can be asked for cheaply.
func (f *Files[K, V]) AppendLately(dst []byte, key K, maxAge time.Duration, state uint64) ([]byte, *Opening[V], error) {
	if maxAge <= 0 {
		return f.AppendAll(dst, key)
	}
	return f.each(key, func(open *file[V]) ([]byte, error) {
		l := &open.late
		l.mu.Lock()
		defer l.mu.Unlock()
		if now := time.Since(started); !l.valid || l.state != state || now-l.at >= maxAge {
			text, err := appendPieces(dst, open.fd)
			if err != nil {
				return nil, err
			}
			l.text = append(l.text[:0], text[len(dst):]...)
			l.at, l.state, l.valid = now, state, true
			return text, nil
		}
		return append(dst, l.text...), nil
	})
}

var started = time.Now()
