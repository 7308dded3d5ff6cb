package conformance

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/podview/podview/daemon/paths"
	"golang.org/x/sys/unix"
)

// possibleSlots is how long programs make arrays that they index by CPU.
func possibleSlots() (int, error) {
	text, err := os.ReadFile(paths.CPUDir + "/possible")
	if err != nil {
		return 0, err
	}
	cpus, err := parseCPUs(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("%s/possible: %w", paths.CPUDir, err)
	}
	return slices.Max(cpus) + 1, nil
}

// CountOutside asks getcpu(2) 2000 times, from several threads, and counts the
// CPUs that are beyond the possible ones.
func (a *Agent) CountOutside(_ struct{}, outside *int) error {
	slots, err := possibleSlots()
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	for range 4 {
		all.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for i := range 500 {
				var cpu uint32
				_, _, errno := unix.RawSyscall(unix.SYS_GETCPU, uintptr(unsafe.Pointer(&cpu)), 0, 0)
				mu.Lock()
				if errno != 0 {
					err = errno
				}
				if int(cpu) >= slots {
					*outside++
				}
				mu.Unlock()
				if i%25 == 0 {
					time.Sleep(time.Millisecond) // to be woken on another
				}
			}
		})
	}
	all.Wait()
	return err
}

func getcpuOutside(t *testing.T, c *container) Output { return c.outside(t, "CountOutside") }

func (c *container) outside(t *testing.T, method string) (out Output) {
	t.Helper()
	var n int
	if err := c.try(method, struct{}{}, &n); err != nil {
		return Output{Code: 1, Stderr: err.Error()}
	}
	return Output{Stdout: fmt.Sprintln(n)}
}

func nothingOutside(r ran) error {
	if r.Stdout != "0\n" {
		return fmt.Errorf("%s beyond the possible CPUs, want 0", strings.TrimSpace(r.Stdout))
	}
	return nil
}

// BytesOutside looks a value up in a per-CPU map. The kernel writes one for
// each possible CPU; programs make the buffer as long as /sys tells them. It
// counts the bytes that come behind that.
func (a *Agent) BytesOutside(_ struct{}, outside *int) error {
	const perCPUArray, mapCreate, lookup, beyond, mark = 6, 0, 1, 8 * 8192, 0x5a
	slots, err := possibleSlots()
	if err != nil {
		return err
	}
	create := struct{ kind, keySize, valueSize, entries uint32 }{perCPUArray, 4, 8, 1}
	fd, _, errno := unix.Syscall(unix.SYS_BPF, mapCreate, uintptr(unsafe.Pointer(&create)), unsafe.Sizeof(create))
	if errno != 0 {
		return fmt.Errorf("bpf(BPF_MAP_CREATE): %w", errno)
	}
	defer unix.Close(int(fd))
	var key uint32
	value := make([]byte, slots*8+beyond)
	for i := range value {
		value[i] = mark
	}
	look := struct {
		fd         uint32
		_          uint32
		key, value unsafe.Pointer
		flags      uint64
	}{fd: uint32(fd), key: unsafe.Pointer(&key), value: unsafe.Pointer(&value[0])}
	if _, _, errno := unix.Syscall(unix.SYS_BPF, lookup, uintptr(unsafe.Pointer(&look)), unsafe.Sizeof(look)); errno != 0 {
		return fmt.Errorf("bpf(BPF_MAP_LOOKUP_ELEM): %w", errno)
	}
	runtime.KeepAlive(value)
	for _, b := range value[slots*8:] {
		if b != mark {
			*outside++
		}
	}
	return nil
}

func perCPUMap(t *testing.T, c *container) Output { return c.outside(t, "BytesOutside") }

// Trigger asks to be woken under pressure, as systemd-oomd does. said is
// "woken", "armed" or "refused", which programs are made for.
func (a *Agent) Trigger(file string, said *string) error {
	fd, err := unix.Open(file, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err == nil {
		defer unix.Close(fd)
		_, err = unix.Write(fd, []byte("some 100000 2000000\x00"))
	}
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EOPNOTSUPP) {
		*said = "refused"
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLPRI}}
	for {
		n, err := unix.Poll(poll, 5000)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("poll %s: %w", file, err)
		case n == 0:
			*said = "armed"
			return nil
		case poll[0].Revents&(unix.POLLERR|unix.POLLNVAL) != 0:
			return fmt.Errorf("poll %s: events %#x", file, poll[0].Revents)
		default:
			*said = "woken"
			return nil
		}
	}
}

// psiTrigger asks in a container that its limit keeps from its CPU. One that is
// accepted there and never wakes is wrong.
func psiTrigger(t *testing.T, c *container) Output {
	if !exists("/proc/pressure/cpu") {
		t.Skip("the kernel has no PSI")
	}
	c.burn(t, 3)
	var said string
	if err := c.try("Trigger", "/proc/pressure/cpu", &said); err != nil {
		return Output{Code: 1, Stderr: err.Error()}
	}
	if said == "armed" {
		return Output{Code: 1, Stderr: "accepted, and never wakes"}
	}
	return Output{Stdout: said}
}
