package host

import (
	"bytes"
	"errors"
	"io/fs"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Files are files that stay open between reads. The kernel makes the text of
// its files anew for each read at offset 0, so what is read is as fresh as
// from a new descriptor, for a tenth of the time. Use by many goroutines at
// once is safe.
//
// A descriptor stays with what it was opened for. A read of a removed
// cgroup's file fails with ENODEV, of an ended process's with ESRCH; then, and
// after any other error, the name is opened once more, for its new owner if
// there is one.
//
// V is what a user remembers about one opening of a file; it is dropped when
// the file is closed, and so never outlives the process or cgroup it is about.
type Files[K comparable, V any] struct {
	kept *Kept
	name func(K) string

	mu    sync.RWMutex
	files map[K]*file[V]
	clock atomic.Uint64 // counts openings and sweeps
	swept uint64
}

// NewFiles keeps files that are called name(key), within the bound of kept.
func NewFiles[K comparable, V any](kept *Kept, name func(K) string) *Files[K, V] {
	f := &Files[K, V]{kept: kept, name: name, files: map[K]*file[V]{}}
	kept.add(f.sweep, f.spare)
	return f
}

// Opening is one opening of a file.
type Opening[V any] struct {
	// Number is different for every opening of a Files, and never 0.
	Number uint64
	// Value is the user's.
	Value V
}

// file is an open file, or one that is not there (fd -1).
type file[V any] struct {
	opening Opening[V]
	path    []byte // ends in NUL
	fd      int
	missing *fs.PathError
	users   atomic.Int32  // the map is one of them
	used    atomic.Uint64 // the clock at the last read
	late    late
}

// Append appends the text of a file that the kernel prints in one piece
// (single_open, and cgroup files but those that list processes), and says
// from which opening it came. Errors are *fs.PathError, as those of ReadFile.
func (f *Files[K, V]) Append(dst []byte, key K) ([]byte, *Opening[V], error) {
	return f.each(key, func(open *file[V]) ([]byte, error) { return appendPiece(dst, open.fd) })
}

// AppendAll is Append for a file of many records, which need several reads.
func (f *Files[K, V]) AppendAll(dst []byte, key K) ([]byte, *Opening[V], error) {
	return f.each(key, func(open *file[V]) ([]byte, error) { return appendPieces(dst, open.fd) })
}

// each reads a file by its kept descriptor, and if that has lost what it was
// opened for, by a new one.
func (f *Files[K, V]) each(key K, read func(*file[V]) ([]byte, error)) ([]byte, *Opening[V], error) {
	for {
		open, isNew, err := f.get(key)
		if err != nil {
			return nil, nil, err
		}
		text, err := read(open)
		if err != nil && !isNew {
			f.evict(key, open)
			open.release()
			continue
		}
		if err != nil {
			err = &fs.PathError{Op: "read", Path: string(open.path[:len(open.path)-1]), Err: err}
		}
		open.release()
		return text, &open.opening, err
	}
}

// Opening returns a file's present opening, nil when it is not kept. It reads
// nothing.
func (f *Files[K, V]) Opening(key K) *Opening[V] {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if open := f.files[key]; open != nil && open.fd >= 0 {
		return &open.opening
	}
	return nil
}

// Stat returns the inode number and the link count of the file that has the
// name now. Of a kernel directory without directories in it the count is 2.
func (f *Files[K, V]) Stat(key K) (inode uint64, links uint32, err error) {
	f.mu.RLock()
	open := f.files[key]
	f.mu.RUnlock()
	if open == nil {
		path, err := terminated(f.name(key))
		if err != nil {
			return 0, 0, err
		}
		open = f.insert(key, f.newFile(path, -1))
		defer open.release()
	}
	open.used.Store(f.clock.Load())
	return stat(open.path)
}

// get returns a file with one more user, who must release it. isNew tells
// that it was opened just now. A file that is missing is looked for each time
// anew; that it is remembered only spares the garbage.
func (f *Files[K, V]) get(key K) (open *file[V], isNew bool, err error) {
	f.mu.RLock()
	open = f.files[key]
	if open != nil && open.fd >= 0 {
		open.users.Add(1)
		f.mu.RUnlock()
		open.used.Store(f.clock.Load())
		return open, false, nil
	}
	f.mu.RUnlock()

	var path []byte
	if open != nil {
		path = open.path
		open.used.Store(f.clock.Load())
	} else if path, err = terminated(f.name(key)); err != nil {
		return nil, false, err
	}
	fd, err := openTerminated(path)
	if err == unix.EMFILE || err == unix.ENFILE {
		err = f.kept.Opened(func() (err error) {
			fd, err = openTerminated(path)
			return err
		})
	}
	switch {
	case err == unix.ENOENT && open != nil && open.missing != nil:
		return nil, false, open.missing
	case err == unix.ENOENT:
		missing := f.newFile(path, -1)
		missing.missing = openError(path, err)
		f.insert(key, missing).release()
		return nil, false, missing.missing
	case err != nil:
		return nil, false, openError(path, err)
	}
	if open != nil {
		f.evict(key, open)
	}
	mine := f.newFile(path, fd)
	open = f.insert(key, mine)
	return open, open == mine, nil
}

func openError(path []byte, err error) *fs.PathError {
	return &fs.PathError{Op: "open", Path: string(path[:len(path)-1]), Err: err}
}

func terminated(path string) ([]byte, error) {
	text := append([]byte(path), 0)
	if bytes.IndexByte(text, 0) != len(path) {
		return nil, &fs.PathError{Op: "open", Path: path, Err: unix.EINVAL}
	}
	return text, nil
}

// IsMissing tells whether err says that a file, or the cgroup or process it
// belongs to, is not there.
func IsMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ESRCH)
}
