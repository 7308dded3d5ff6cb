// Command asker asks the kernel by system calls, as programs without libc's
// files do, and prints the answers as JSON. It is built for 64 and for 32 bits.
//
//	asker            one answer of each kind
//	asker storm N    N rounds of threads that ask all the time: how often each answer came
//	asker cost N     nanoseconds for a call: the best of N batches of 1000
package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Answers are in bytes, seconds and the kernel's fixed point (1<<16 is 1.0).
type Answers struct {
	TotalRAM, FreeRAM, SharedRAM, BufferRAM, TotalSwap, FreeSwap uint64
	UptimeSec                                                    int64
	Loads                                                        [3]uint64
	Procs                                                        uint16
	CPUs                                                         []int
	NumCPU                                                       int // the Go runtime's
}

func ask() (a Answers, err error) {
	var si unix.Sysinfo_t
	if err := unix.Sysinfo(&si); err != nil {
		return a, fmt.Errorf("sysinfo: %w", err)
	}
	unit := uint64(si.Unit)
	a = Answers{
		TotalRAM: uint64(si.Totalram) * unit, FreeRAM: uint64(si.Freeram) * unit,
		SharedRAM: uint64(si.Sharedram) * unit, BufferRAM: uint64(si.Bufferram) * unit,
		TotalSwap: uint64(si.Totalswap) * unit, FreeSwap: uint64(si.Freeswap) * unit,
		UptimeSec: int64(si.Uptime), Procs: si.Procs, NumCPU: runtime.NumCPU(),
	}
	for i, load := range si.Loads {
		a.Loads[i] = uint64(load)
	}
	var mask unix.CPUSet
	if err := unix.SchedGetaffinity(0, &mask); err != nil {
		return a, fmt.Errorf("sched_getaffinity: %w", err)
	}
	for cpu := range len(mask) * strconv.IntSize {
		if mask.IsSet(cpu) {
			a.CPUs = append(a.CPUs, cpu)
		}
	}
	return a, nil
}

// storm counts the answers of several threads, by total memory and CPUs.
func storm(rounds int) (map[string]int, error) {
	const threads = 4
	seen, failed := map[string]int{}, error(nil)
	var mu sync.Mutex
	var all sync.WaitGroup
	for range threads {
		all.Go(func() {
			runtime.LockOSThread()
			for range rounds {
				a, err := ask()
				mu.Lock()
				seen[fmt.Sprintf("%d MiB, %d CPUs", a.TotalRAM>>20, len(a.CPUs))]++
				if err != nil {
					failed = err
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return seen, failed
}

// cost takes the best batch: others were interrupted, more or less.
func cost(batches int) map[string]int64 {
	const calls = 1000
	var si unix.Sysinfo_t
	var mask unix.CPUSet
	nsec := map[string]int64{}
	for name, call := range map[string]func(){
		"sysinfo":           func() { _ = unix.Sysinfo(&si) },
		"sched_getaffinity": func() { _ = unix.SchedGetaffinity(0, &mask) },
		"getppid":           func() { unix.Getppid() },
	} {
		best := time.Duration(math.MaxInt64)
		for range batches {
			start := time.Now()
			for range calls {
				call()
			}
			best = min(best, time.Since(start))
		}
		nsec[name] = best.Nanoseconds() / calls
	}
	return nsec
}

func main() {
	var answer any
	var err error
	if len(os.Args) == 3 {
		n, _ := strconv.Atoi(os.Args[2])
		if os.Args[1] == "cost" {
			answer = cost(n)
		} else {
			answer, err = storm(n)
		}
	} else {
		answer, err = ask()
	}
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(answer)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "asker:", err)
		os.Exit(1)
	}
}
