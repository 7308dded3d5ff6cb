package holder

import (
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// Reserve is descriptors to have when no others are free: without a pipe and
// a file to read the holder can't answer from the host. Taken early they have
// low numbers, which count where the limit is lowered. A nil one is none.
type Reserve struct{ files []int }

const reserved = 8

func NewReserve() *Reserve {
	r := &Reserve{}
	r.take()
	return r
}

func (r *Reserve) take() {
	for r != nil && len(r.files) < reserved {
		fd, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return
		}
		r.files = append(r.files, fd)
	}
}

// use lets go of them, for what is opened next.
func (r *Reserve) use() {
	if r == nil {
		return
	}
	for _, fd := range r.files {
		unix.Close(fd)
	}
	r.files = nil
}

// reserveThreads makes threads, which Go then keeps: it ends a process that
// needs another one and gets none, and all mounts would end with this one.
func reserveThreads() {
	var made, used sync.WaitGroup
	made.Add(reserved)
	used.Add(1)
	for range reserved {
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			made.Done()
			used.Wait()
		}()
	}
	made.Wait()
	used.Done()
}
