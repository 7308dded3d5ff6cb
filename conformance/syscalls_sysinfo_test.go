package conformance

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

// Sysinfo's figures are those of the container's
// meminfo, uptime and loadavg.
func testSyscallsAgreeWithFiles(t *testing.T, s *server) {
	pod := newGroup(t, podPath(), limits{memoryMiB: 256, swapMiB: 64}) // the tighter limit is not the container's
	g := &group{path: pod.path + "/" + ctrName("c")}
	c := startIn(t, newGroup(t, strings.TrimPrefix(g.path, "/"+topName()+"/"), limits{memoryMiB: 300, swapMiB: 100, cpuMilli: 1500}), s.dir)
	c.touch(t, 40)
	c.call(t, "TouchTmpfs", 16, &struct{}{})
	c.loadavg(t) // from here on it is known
	for _, arch := range both {
		upBefore, _ := c.uptime(t)
		m, a := c.meminfo(t), c.ask(t, arch)
		upAfter, _ := c.uptime(t)
		t.Logf("%s: %+v", arch, a)
		for _, figure := range []struct {
			name   string
			kB     int
			bytes  uint64
			offKiB float64
		}{
			{"MemTotal", m.kB["MemTotal"], a.TotalRAM, 0},
			// The asker's own memory is charged.
			{"MemFree", m.kB["MemFree"], a.FreeRAM, 8 << 10},
			{"SwapTotal", m.kB["SwapTotal"], a.TotalSwap, 0},
			{"SwapFree", m.kB["SwapFree"], a.FreeSwap, 1 << 10},
			{"Buffers", m.kB["Buffers"], a.BufferRAM, 0},
		} {
			if off := math.Abs(float64(figure.kB) - float64(figure.bytes)/1024); off > figure.offKiB {
				t.Errorf("%s: %s is %d kB, sysinfo says %d bytes", arch, figure.name, figure.kB, figure.bytes)
			}
		}
		if up := float64(a.UptimeSec); up < upBefore || up > upAfter+1 { // the kernel rounds up
			t.Errorf("%s: uptime %v to %v, sysinfo says %v", arch, upBefore, upAfter, up)
		}
		// The asker has threads of its own.
		if threads := c.loadavg(t).threads; int(a.Procs) < threads || int(a.Procs) > threads+20 {
			t.Errorf("%s: loadavg counts %d threads, sysinfo says %d", arch, threads, a.Procs)
		}
	}
}

// Shared memory, where the kernel's statistics can be
// reached; they are flushed every two seconds.
func testSyscallShared(t *testing.T, s *server) {
	c := startIn(t, newGroup(t, podPath()+"/"+ctrName("c"), limits{memoryMiB: 192}), s.dir)
	c.call(t, "TouchTmpfs", 16, &struct{}{})
	var shared uint64
	for deadline := time.Now().Add(30 * time.Second); shared == 0 && time.Now().Before(deadline); time.Sleep(time.Second) {
		_ = c.meminfo(t) // reading memory.stat flushes, too
		shared = c.ask(t, "amd64").SharedRAM
	}
	if shared != uint64(c.meminfo(t).kB["Shmem"])<<10 {
		t.Errorf("sharedram is %d bytes, Shmem %d kB", shared, c.meminfo(t).kB["Shmem"])
	}
}

// The container's load averages once its loadavg is read,
// not the host's.
func testSyscallLoads(t *testing.T, s *server) {
	c := startIn(t, newGroup(t, podPath()+"/"+ctrName("c"), limits{}), s.dir)
	c.burn(t, 2)
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(time.Second) {
		before, a, after := c.read(t, "/proc/loadavg"), c.ask(t, "amd64"), c.read(t, "/proc/loadavg")
		first := strings.Join(strings.Fields(before)[:3], " ")
		if first != strings.Join(strings.Fields(after)[:3], " ") && time.Now().Before(deadline) {
			continue // they were worked out anew meanwhile
		}
		var said []string
		for _, load := range a.Loads {
			// fs/proc/loadavg.c rounds to hundredths.
			said = append(said, fmt.Sprintf("%.2f", float64(load+1<<16/200)/(1<<16)-0.005))
		}
		for i, word := range strings.Fields(first) {
			var want, got float64
			_, _ = fmt.Sscan(word, &want)
			_, _ = fmt.Sscan(said[i], &got)
			if math.Abs(want-got) > 0.011 {
				t.Errorf("loadavg %q, sysinfo %v", before, said)
			}
		}
		return
	}
}
