package fusedev

import (
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
)

// schedulerSlackNsec is how late the kernel may wake a thread that sleeps for
// a time.
const schedulerSlackNsec = 5_000_000

// garbagePercent keeps the heap close to what is in use. Reads make no garbage,
// only first reads of containers and processes do.
const garbagePercent = 25

// Tune makes blocking reads of the device cheap in Go, for a process that does
// little else. Without it up to half of the CPU time of a read that comes
// alone is the Go scheduler's.
//
// That watches (runtime.sysmon) threads in system calls, every 20 µs at first,
// to give their right to run (P) to others. There are more Ps than readers, so
// that it need not give any, and its sleeps may take longer: nothing here
// waits for it. Timers of this process are late by as much.
func Tune(readers int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
	runtime.GOMAXPROCS(max(runtime.NumCPU(), readers+2))
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return // it only costs
	}
	for _, thread := range threads {
		// New threads inherit it. Another thread's can't be set by prctl(2).
		_ = os.WriteFile("/proc/"+thread.Name()+"/timerslack_ns", strconv.AppendInt(nil, schedulerSlackNsec, 10), 0)
	}
}
