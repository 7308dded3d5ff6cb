package holder

import (
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// reserve is descriptors to have when no others are free: without a pipe and
// a file to read the holder can't answer from the host.
type reserve []int

const reserved = 8

func (r *reserve) take() {
	for len(*r) < reserved {
		fd, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return
		}
		*r = append(*r, fd)
	}
}

// use lets go of them, for what is opened next.
func (r *reserve) use() {
	for _, fd := range *r {
		unix.Close(fd)
	}
	*r = nil
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
