package procfile

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/view"
)

// meminfoKB parses what Append printed; every line must be in the format of
// fs/proc/meminfo.c.
func meminfoKB(t *testing.T, text string) map[string]uint64 {
	t.Helper()
	values := map[string]uint64{}
	for line := range strings.Lines(text) {
		name, rest, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		digits := strings.TrimSuffix(strings.TrimLeft(rest, " "), " kB")
		n, err := strconv.ParseUint(digits, 10, 64)
		if !ok || err != nil {
			t.Fatalf("line %q", line)
		}
		values[name] = n
	}
	return values
}

func TestMeminfoLimited(t *testing.T) {
	host := string(recorded(t, meminfoPath))
	out := mustAppend(t, &meminfo, host, container())
	hostKB := meminfoKB(t, host)
	got := meminfoKB(t, out)
	want := map[string]uint64{
		"MemTotal": 262144, "MemFree": 102400, "MemAvailable": 153600, "Cached": 71680,
		"SwapTotal": 65536, "SwapFree": 61440, "AnonPages": 81920, "Shmem": 5120,
		"CommitLimit": 65536 + 131072 - 1, // half of RAM; the host's is rounded down
		// 80 + 5 MiB in RAM and 4 MiB in swap
		"Committed_AS": 91136,
	}
	for _, name := range []string{"VmallocTotal", "VmallocChunk", "HugePages_Total", "HugePages_Free",
		"HugePages_Rsvd", "HugePages_Surp", "Hugepagesize", "Hugetlb", "DirectMap4k", "DirectMap2M"} {
		want[name] = hostKB[name]
	}
	for name, n := range got {
		if n != want[name] {
			t.Errorf("%s is %d kB, want %d", name, n, want[name])
		}
	}
	sameShape(t, host, out)
}

// sameShape compares the names, their order and the columns numbers end in.
func sameShape(t *testing.T, host, out string) {
	t.Helper()
	hostLines, lines := strings.Split(host, "\n"), strings.Split(out, "\n")
	if len(lines) != len(hostLines) {
		t.Fatalf("%d lines, the host has %d", len(lines), len(hostLines))
	}
	for i := range lines {
		name, _, _ := strings.Cut(lines[i], ":")
		if hostName, _, _ := strings.Cut(hostLines[i], ":"); name != hostName || len(lines[i]) != len(hostLines[i]) {
			t.Errorf("line %q, the host's is %q", lines[i], hostLines[i])
		}
	}
}

func TestMeminfoNoLimitIsTheHosts(t *testing.T) {
	host := string(recorded(t, meminfoPath))
	c := container()
	c.Memory.Limited, c.Memory.SwapLimited = false, false
	if out := mustAppend(t, &meminfo, host, c); out != host {
		t.Errorf("without a limit:\n%s", out)
	}
}

func TestMeminfoSwapLimitAlone(t *testing.T) {
	c := container()
	c.Memory.Limited = false
	host := strings.Replace(string(recorded(t, meminfoPath)), "SwapTotal:             0", "SwapTotal:       1000000", 1)
	out := mustAppend(t, &meminfo, host, c)
	want := strings.Replace(host, "SwapTotal:       1000000", "SwapTotal:         65536", 1)
	want = strings.Replace(want, "SwapFree:              0", "SwapFree:          61440", 1)
	if out != want {
		t.Errorf("swap limit alone:\n%s\nwant\n%s", out, want)
	}
}

// Without a swap limit the container can commit the host's swap too.
func TestMeminfoCommitLimit(t *testing.T) {
	const host = "MemTotal: 1000 kB\nSwapTotal: 100 kB\nCommitLimit: 900 kB\n"
	for name, test := range map[string]struct {
		memory view.Memory
		want   uint64
	}{
		"no swap limit": {view.Memory{Limited: true, TotalBytes: 500 * kB}, 100 + 400},
		"swap limit":    {view.Memory{Limited: true, TotalBytes: 500 * kB, SwapLimited: true, SwapTotalBytes: 10 * kB}, 10 + 400},
		"huge total":    {view.Memory{Limited: true, TotalBytes: 1 << 63}, 100 + 800},
	} {
		out := mustAppend(t, &meminfo, host, &view.Container{Memory: test.memory})
		if got := meminfoKB(t, out)["CommitLimit"]; got != test.want {
			t.Errorf("%s: CommitLimit %d kB, want %d", name, got, test.want)
		}
	}
}

func TestMeminfoUnknownAndMissingLines(t *testing.T) {
	const host = "MemTotal:       24683620 kB\nNewKernelLine:      17 kB\nno colon here\nMappedToo: 9 kB\nMap: 9 kB\n" +
		"HardwareCorrupted:     8 kB\n"
	const want = "MemTotal:         262144 kB\nNewKernelLine:      17 kB\nno colon here\nMappedToo: 9 kB\nMap: 9 kB\n" +
		"HardwareCorrupted:     0 kB\n"
	if out := mustAppend(t, &meminfo, host, container()); out != want {
		t.Errorf("got\n%swant\n%s", out, want)
	}
}

// The figures are read one after the other, and may contradict each other.
func TestMeminfoContradictingFigures(t *testing.T) {
	c := container()
	c.Memory.SwapFreeBytes = c.Memory.SwapTotalBytes + 5*kB
	c.Memory.Stat.FileBytes = c.Memory.TotalBytes + 5*kB
	got := meminfoKB(t, mustAppend(t, &meminfo, string(recorded(t, meminfoPath)), c))
	if got["Cached"] != got["MemTotal"] || got["Committed_AS"] != got["AnonPages"]+got["Shmem"] {
		t.Errorf("Cached %d, Committed_AS %d", got["Cached"], got["Committed_AS"])
	}
}

// TestEveryStatFieldHasItsLine sets one figure of memory.stat at a time and
// looks at which lines it reaches: matching by prefix would show elsewhere.
func TestEveryStatFieldHasItsLine(t *testing.T) {
	lines := map[string]string{
		"AnonBytes": "AnonPages Committed_AS", "AnonTHPBytes": "AnonHugePages",
		"FileBytes": "Cached", "FileMappedBytes": "Mapped", "FileDirtyBytes": "Dirty",
		"FileWritebackBytes": "Writeback", "FileTHPBytes": "FileHugePages",
		"ShmemTHPBytes": "ShmemHugePages", "ShmemBytes": "Shmem Committed_AS",
		"SwapCachedBytes": "SwapCached",
		"ActiveAnonBytes": "Active Active(anon)", "InactiveAnonBytes": "Inactive Inactive(anon)",
		"ActiveFileBytes": "Active Active(file)", "InactiveFileBytes": "Inactive Inactive(file)",
		"UnevictableBytes":       "Unevictable Mlocked",
		"SlabReclaimableBytes":   "KReclaimable Slab SReclaimable",
		"SlabUnreclaimableBytes": "Slab SUnreclaim",
		"KernelStackBytes":       "KernelStack", "PageTablesBytes": "PageTables",
		"SecPageTablesBytes": "SecPageTables", "PercpuBytes": "Percpu", "VmallocBytes": "VmallocUsed",
		"ZswapBytes": "Zswap", "ZswappedBytes": "Zswapped",
	}
	host := string(recorded(t, meminfoPath))
	empty := meminfoKB(t, mustAppend(t, &meminfo, host, statOnly(cgroup.MemoryStat{})))
	for i := range reflect.TypeFor[cgroup.MemoryStat]().NumField() {
		var s cgroup.MemoryStat
		name := reflect.TypeOf(s).Field(i).Name
		reflect.ValueOf(&s).Elem().Field(i).SetUint(7 * kB)
		got := meminfoKB(t, mustAppend(t, &meminfo, host, statOnly(s)))
		want := map[string]bool{}
		for _, line := range strings.Fields(lines[name]) {
			want[line] = true
		}
		if len(want) == 0 {
			t.Errorf("%s is in no line", name)
		}
		for line, n := range got {
			if reached := n != empty[line]; reached != want[line] || reached && n != 7 {
				t.Errorf("%s of 7 kB: %s is %d kB", name, line, n)
			}
		}
	}
}

func statOnly(s cgroup.MemoryStat) *view.Container {
	return &view.Container{Memory: view.Memory{Limited: true, TotalBytes: 1 << 30, Stat: s}}
}

func TestLineOfKB(t *testing.T) {
	for _, name := range []string{"A", "MemTotal", "CommitLimit", "Hugepagesizexxx", "ShmemPmdMappedx", "HardwareCorrupted", strings.Repeat("n", 22), strings.Repeat("n", 23), strings.Repeat("n", 30)} {
		for _, n := range []uint64{0, 9, 10, 999_999, 1_000_000, 99_999_999, 100_000_000, math.MaxUint64} {
			want := fmt.Sprintf("%-16s", name+":")
			want += fmt.Sprintf("%*d kB\n", max(0, 24-len(want)), n)
			if got := appendKB([]byte("> "), name, n); string(got) != "> "+want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
	}
}
