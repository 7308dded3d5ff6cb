package pipeline

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/cgroup/cgrouptest"
)

// benchFiles are every file of /proc, and what runtimes ask of /sys.
var benchFiles = []string{
	"/proc/meminfo", "/proc/stat", "/proc/cpuinfo", "/proc/uptime", "/proc/loadavg", "/proc/diskstats",
	"/proc/swaps", "/proc/slabinfo", "/proc/pressure/cpu", "/proc/pressure/io", "/proc/pressure/memory",
	"/sys/devices/system/cpu/online", "/sys/devices/system/cpu/possible", "/sys/devices/system/cpu/present",
	"/sys/devices/system/cpu/cpu0/topology/core_id",
	"/sys/devices/system/node/node0/meminfo", "/sys/devices/system/node/node0/cpulist",
}

// podPath is as deep as in Kubernetes.
func podPath(n int) string {
	return fmt.Sprintf("/podview-bench-%d/kubepods/burstable/pod%d/ctr", os.Getpid(), n)
}

// pods starts n containers with limits.
func pods(b testing.TB, n int) []*cgrouptest.Container {
	b.Helper()
	all := make([]*cgrouptest.Container, n)
	for i := range all {
		all[i] = cgrouptest.Start(b, podPath(i), "exec sleep 10000")
		all[i].LimitMemory(256 << 20)
		all[i].LimitCPU(50_000)
	}
	return all
}

// BenchmarkRead reads one file again and again, in one of 1, 100 or 1000
// containers after the other.
func BenchmarkRead(b *testing.B) {
	for _, n := range []int{1, 100, 1000} {
		if n > 1 && testing.Short() {
			continue
		}
		b.Run(fmt.Sprintf("containers=%d", n), func(b *testing.B) {
			containers := pods(b, n)
			p := openMachine(b)
			for _, file := range benchFiles {
				if n > 1 && file != "/proc/meminfo" && file != "/proc/stat" {
					continue
				}
				b.Run("file="+short(file), func(b *testing.B) { readRound(b, p, containers, file) })
			}
		})
	}
}

func short(file string) string { return strings.ReplaceAll(strings.Trim(file, "/"), "/", "_") }

func readRound(b *testing.B, p *Pipeline, containers []*cgrouptest.Container, file string) {
	var buf []byte
	var err error
	for _, c := range containers {
		if buf, err = p.Read(buf[:0], c.PID, file); err != nil {
			b.Skip(err)
		}
	}
	b.ReportAllocs()
	defer reportCPU(b)()
	b.ResetTimer()
	for i := range b.N {
		if buf, err = p.Read(buf[:0], containers[i%len(containers)].PID, file); err != nil {
			b.Fatal(err)
		}
	}
}

// reportCPU adds the process's CPU time: on a busy machine ns/op says little.
func reportCPU(b *testing.B) (done func()) {
	before := cpuNsec()
	return func() { b.ReportMetric(float64(cpuNsec()-before)/float64(b.N), "cpu-ns/op") }
}

func cpuNsec() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t); err != nil {
		panic(err)
	}
	return t.Nano()
}

// BenchmarkReadRecorded needs no root: the host and the container are files.
func BenchmarkReadRecorded(b *testing.B) {
	for _, version := range []string{"v1", "v2"} {
		r, dir := load(b, testdata+"/"+version+".txtar"), b.TempDir()
		r.lay(b, dir)
		p := r.pipeline(b, dir)
		for _, file := range benchFiles {
			b.Run("cgroup="+version+"/file="+short(file), func(b *testing.B) {
				var buf []byte
				var err error
				b.ReportAllocs()
				defer reportCPU(b)()
				for range b.N {
					if buf, err = p.Read(buf[:0], r.tid, file); err != nil {
						b.Skip(err)
					}
				}
			})
		}
	}
}

// BenchmarkFirstRead reads a container that this Pipeline never saw, after
// one that it knows. The kernel has seen both: the first open of a file in a
// new cgroup costs it more.
func BenchmarkFirstRead(b *testing.B) {
	containers := pods(b, 2)
	for _, file := range []string{"/proc/meminfo", "/proc/stat"} {
		b.Run("file="+short(file), func(b *testing.B) {
			b.ReportAllocs()
			var buf []byte
			var usedNsec int64
			for range b.N {
				b.StopTimer()
				p := openMachine(b)
				var err error
				for range 3 {
					if buf, err = p.Read(buf[:0], containers[0].PID, file); err != nil {
						b.Fatal(err)
					}
				}
				b.StartTimer()
				before := cpuNsec()
				if buf, err = p.Read(buf[:0], containers[1].PID, file); err != nil {
					b.Fatal(err)
				}
				usedNsec += cpuNsec() - before
				b.StopTimer()
				letGo(p)
			}
			b.ReportMetric(float64(usedNsec)/float64(b.N), "cpu-ns/op")
		})
	}
}
