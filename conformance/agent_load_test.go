package conformance

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Touch takes mib MiB of memory and keeps it.
func (a *Agent) Touch(mib int, _ *struct{}) error {
	return a.touch(mib, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
}

// TouchTmpfs takes mib MiB of shared memory (tmpfs) and keeps it.
func (a *Agent) TouchTmpfs(mib int, _ *struct{}) error {
	return a.touch(mib, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
}

func (a *Agent) touch(mib, flags int) error {
	memory, err := unix.Mmap(-1, 0, mib<<20, unix.PROT_READ|unix.PROT_WRITE, flags)
	if err != nil {
		return os.NewSyscallError("mmap", err)
	}
	// Huge pages would charge more than was touched.
	if err := unix.Madvise(memory, unix.MADV_NOHUGEPAGE); err != nil {
		return os.NewSyscallError("madvise", err)
	}
	for i := 0; i < len(memory); i += os.Getpagesize() {
		memory[i] = 1
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.held = append(a.held, memory)
	return nil
}

// WriteDirect writes mib MiB to a new file, past the page cache so that the
// writes are the caller's own.
func (a *Agent) WriteDirect(args struct {
	Path string
	MiB  int
}, errno *syscall.Errno) error {
	fd, err := unix.Open(args.Path, unix.O_WRONLY|unix.O_CREAT|unix.O_DIRECT|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return asErrno(err, errno)
	}
	defer unix.Close(fd)
	// O_DIRECT needs aligned memory: mmap's is.
	block, err := unix.Mmap(-1, 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return os.NewSyscallError("mmap", err)
	}
	defer func() { _ = unix.Munmap(block) }()
	for range args.MiB {
		if _, err := unix.Write(fd, block); err != nil {
			return asErrno(err, errno)
		}
	}
	return nil
}

// Burn starts threads that do nothing but run, until Rest.
func (a *Agent) Burn(threads int, _ *struct{}) error {
	a.mu.Lock()
	rest := a.rest
	a.mu.Unlock()
	for range threads {
		go func() {
			runtime.LockOSThread()
			spins := 0
			for {
				select {
				case <-rest:
					return
				default:
					spins++
				}
			}
		}()
	}
	return nil
}

// Rest ends what Burn started.
func (a *Agent) Rest(struct{}, *struct{}) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	close(a.rest)
	a.rest = make(chan struct{})
	return nil
}

// Hammer asks Readers threads to read Path Times times each, all at once.
type Hammer struct {
	Path           string
	Readers, Times int
	AtMost         time.Duration // 0: as long as it takes
}

// Hammer returns what each reader saw, in order; each reads at least twice.
func (a *Agent) Hammer(h Hammer, seen *[][][]byte) error {
	*seen = make([][][]byte, h.Readers)
	start := time.Now()
	errs := make([]error, h.Readers)
	var readers sync.WaitGroup
	for i := range h.Readers {
		readers.Go(func() {
			runtime.LockOSThread() // a thread each: that is what the daemon sees
			defer runtime.UnlockOSThread()
			for n := range h.Times {
				if h.AtMost > 0 && n >= 2 && time.Since(start) > h.AtMost {
					return
				}
				data, err := os.ReadFile(h.Path)
				if err != nil {
					errs[i] = err
					return
				}
				(*seen)[i] = append((*seen)[i], data)
			}
		})
	}
	readers.Wait()
	return errors.Join(errs...)
}
