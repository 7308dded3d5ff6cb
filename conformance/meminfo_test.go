package conformance

import (
	"slices"
	"testing"
)

var meminfoChecks = map[string]check{
	"the kernel's lines in its order": func(t *testing.T, p *process) {
		if got, want := p.meminfo(t).keys, kernel().meminfo(t).keys; !slices.Equal(got, want) {
			t.Errorf("lines:\n%q, the kernel's are\n%q", got, want)
		}
	},
	"parts are within the whole":   partsOfMemory,
	"sums are the kernel's":        sumsOfMemory,
	"available is the host's most": availableIsReal,
}

// partsOfMemory also finds wrapped subtractions: 18014398509461768 kB.
func partsOfMemory(t *testing.T, p *process) {
	m := p.meminfo(t)
	total := m.kB["MemTotal"]
	if host := kernel().meminfo(t).kB["MemTotal"]; total <= 0 || total > host {
		t.Errorf("MemTotal %d kB, the host has %d kB", total, host)
	}
	for _, key := range []string{
		"MemFree", "MemAvailable", "Buffers", "Cached", "SwapCached", "Active", "Inactive",
		"Active(anon)", "Inactive(anon)", "Active(file)", "Inactive(file)", "Unevictable", "Mlocked",
		"Dirty", "Writeback", "AnonPages", "Mapped", "Shmem", "KReclaimable", "Slab", "SReclaimable",
		"SUnreclaim", "KernelStack", "PageTables", "AnonHugePages", "ShmemHugePages", "FileHugePages",
	} {
		if got := m.kB[key]; got < 0 || got > total {
			t.Errorf("%s %d kB is not within MemTotal %d kB", key, got, total)
		}
	}
	if m.kB["SwapFree"] > m.kB["SwapTotal"] {
		t.Errorf("SwapFree %d kB of SwapTotal %d kB", m.kB["SwapFree"], m.kB["SwapTotal"])
	}
	// free(1) subtracts these from MemTotal. The kernel counts pages in
	// batches per CPU, so let them be 2 MiB off.
	parts := m.kB["MemFree"] + m.kB["Buffers"] + m.kB["Cached"] + m.kB["SReclaimable"]
	if parts > total+2048 {
		t.Errorf("free, buffers, cached and reclaimable are %d kB of %d kB", parts, total)
	}
}

// sumsOfMemory checks what the kernel prints as a sum (fs/proc/meminfo.c).
func sumsOfMemory(t *testing.T, p *process) {
	m := p.meminfo(t)
	for sum, parts := range map[string][2]string{
		"Active":   {"Active(anon)", "Active(file)"},
		"Inactive": {"Inactive(anon)", "Inactive(file)"},
		"Slab":     {"SReclaimable", "SUnreclaim"},
	} {
		if want := m.kB[parts[0]] + m.kB[parts[1]]; m.kB[sum] != want {
			t.Errorf("%s %d kB is not %s + %s = %d kB", sum, m.kB[sum], parts[0], parts[1], want)
		}
	}
}

// availableIsReal: a limit is a promise that the machine may be unable to
// keep. 64 MiB covers what changes between the two reads.
func availableIsReal(t *testing.T, p *process) {
	got, host := p.meminfo(t).kB["MemAvailable"], kernel().meminfo(t).kB["MemAvailable"]
	if got > host+64<<10 {
		t.Errorf("MemAvailable %d kB, the host has %d kB", got, host)
	}
}

func TestMemoryTotalIsTheLimit(t *testing.T) {
	for _, mib := range []int{16, 128, 300} {
		c := startContainer(t, limits{memoryMiB: mib})
		if got := c.meminfo(t).kB["MemTotal"]; got != mib<<10 {
			t.Errorf("limit %d MiB: MemTotal %d kB, want %d", mib, got, mib<<10)
		}
	}
}

func TestMemoryOfPodIsTighter(t *testing.T) {
	pod := podPath()
	newGroup(t, pod, limits{memoryMiB: 100})
	c := startIn(t, newGroup(t, pod+"/"+ctrName("c"), limits{memoryMiB: 200}), viewDir(t))
	if got := c.meminfo(t).kB["MemTotal"]; got != 100<<10 {
		t.Errorf("pod 100 MiB, container 200 MiB: MemTotal %d kB", got)
	}
}

func TestMemoryWithoutLimit(t *testing.T) {
	hostKB := kernel().meminfo(t).kB["MemTotal"]
	for name, l := range map[string]limits{"none": {}, "above the host": {memoryMiB: hostKB>>10 + 1024}} {
		t.Run(name, func(t *testing.T) {
			got, host := startContainer(t, l).meminfo(t), kernel().meminfo(t)
			if got.kB["MemTotal"] != host.kB["MemTotal"] {
				t.Errorf("MemTotal %d kB, the host's is %d kB", got.kB["MemTotal"], host.kB["MemTotal"])
			}
			for _, key := range []string{"MemFree", "MemAvailable", "Cached"} {
				if d := got.kB[key] - host.kB[key]; d < -64<<10 || d > 64<<10 {
					t.Errorf("%s %d kB, the host's is %d kB", key, got.kB[key], host.kB[key])
				}
			}
		})
	}
}

// statLagMiB is what figures out of memory.stat may be off by: the kernel adds
// it up in batches, per CPU, and flushes it every 2 s (mm/memcontrol.c). Used
// memory is another counter, which does not lag.
const statLagMiB = 4

// readerMiB is what the program that touches may grow by itself: its heap does,
// by 4 MiB at a time.
const readerMiB = 4

func TestMemoryUsed(t *testing.T) {
	const mib = 64
	c := startContainer(t, limits{memoryMiB: 256})
	before := c.meminfo(t)
	c.touch(t, mib)
	after := c.meminfo(t)
	if rise := after.usedMiB() - before.usedMiB(); rise < mib-2 || rise > mib+readerMiB {
		t.Errorf("used rose by %.1f MiB when %d were touched", rise, mib)
	}
	if rise := float64(after.kB["AnonPages"]-before.kB["AnonPages"]) / 1024; rise < mib-statLagMiB || rise > mib+statLagMiB+readerMiB {
		t.Errorf("AnonPages rose by %.1f MiB when %d were touched", rise, mib)
	}
	if fall := float64(before.kB["MemAvailable"]-after.kB["MemAvailable"]) / 1024; fall < mib-statLagMiB || fall > mib+statLagMiB+readerMiB {
		t.Errorf("MemAvailable fell by %.1f MiB when %d were touched", fall, mib)
	}
}

// tmpfs is page cache that can't be given back: it is not available memory.
func TestTmpfsIsNotAvailable(t *testing.T) {
	const mib = 32
	c := startContainer(t, limits{memoryMiB: 128})
	before := c.meminfo(t)
	c.call(t, "TouchTmpfs", mib, &struct{}{})
	after := c.meminfo(t)
	for key, sign := range map[string]int{"Shmem": 1, "Mapped": 1, "Cached": 1, "MemAvailable": -1} {
		if change := float64(sign*(after.kB[key]-before.kB[key])) / 1024; change < mib-statLagMiB || change > mib+statLagMiB {
			t.Errorf("%s changed by %.1f MiB when %d MiB of tmpfs were touched", key, float64(sign)*change, mib)
		}
	}
}

func TestMemoryLimitChangesLive(t *testing.T) {
	c := startContainer(t, limits{memoryMiB: 128})
	fd := c.mustOpen(t, "/proc/meminfo")
	for _, mib := range []int{128, 256, 64, 200} {
		c.group.set(t, limits{memoryMiB: mib})
		if got := c.meminfo(t).kB["MemTotal"]; got != mib<<10 {
			t.Errorf("limit now %d MiB: MemTotal %d kB", mib, got)
		}
		c.rewind(t, fd)
		if got := parseMeminfo(t, c.readAt(t, At{Handle: fd, Length: 1 << 16, Current: true})).kB["MemTotal"]; got != mib<<10 {
			t.Errorf("limit now %d MiB: MemTotal %d kB in a file kept open", mib, got)
		}
	}
}
