package v1

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/cgroup/cgrouptest"
)

var memoryFiles = files{
	"memory.limit_in_bytes": unset, "memory.usage_in_bytes": "5000\n", "memory.memsw.usage_in_bytes": "5500\n",
	"memory.kmem.usage_in_bytes": "50\n", "memory.stat": "total_rss 4000\ntotal_swap 500\n",

	"pod/memory.limit_in_bytes": "1000\n", "pod/memory.memsw.limit_in_bytes": unset,

	"pod/ctr/memory.limit_in_bytes": "2000\n", "pod/ctr/memory.memsw.limit_in_bytes": "2300\n",
	"pod/ctr/memory.usage_in_bytes": "400\n", "pod/ctr/memory.memsw.usage_in_bytes": "445\n",
	"pod/ctr/memory.kmem.usage_in_bytes": "9\n",
	"pod/ctr/memory.stat":                "cache 70\nrss 80\nswap 1\ntotal_cache 1\ntotal_rss 2\ntotal_rss_huge 3\ntotal_mapped_file 4\ntotal_swap 40\n",

	"pod/ctr/app/memory.limit_in_bytes": "3000\n", "pod/ctr/app/memory.memsw.limit_in_bytes": "3400\n",
}

func TestMemory(t *testing.T) {
	const none = cgroup.Unlimited
	base := cgroup.Memory{
		MemoryLimit: cgroup.MemoryLimit{LimitBytes: 1000, SwapLimitBytes: 1300}, UsageBytes: 400, SwapAccounted: true, SwapUsageBytes: 40,
		Stat: cgroup.MemoryStat{FileBytes: 1, AnonBytes: 2, AnonTHPBytes: 3, FileMappedBytes: 4, SlabUnreclaimableBytes: 9},
	}
	change := func(f func(*cgroup.Memory)) cgroup.Memory { m := base; f(&m); return m }
	noTotalSwap := "total_cache 1\ntotal_rss 2\ntotal_rss_huge 3\ntotal_mapped_file 4\n"
	for name, test := range map[string]struct {
		changes files
		place   cgroup.Place
		want    cgroup.Memory
	}{
		"tightest is the outermost": {place: inner, want: base},
		"tightest is the leaf's": {
			files{"pod/ctr/app/memory.limit_in_bytes": "7\n"}, inner,
			change(func(m *cgroup.Memory) { m.LimitBytes, m.SwapLimitBytes = 7, 2293 }),
		},
		"no limits": {
			files{"pod/memory.limit_in_bytes": unset, "pod/ctr/memory.limit_in_bytes": unset, "pod/ctr/app/memory.limit_in_bytes": unset,
				"pod/ctr/memory.memsw.limit_in_bytes": unset, "pod/ctr/app/memory.memsw.limit_in_bytes": unset}, inner,
			change(func(m *cgroup.Memory) { m.LimitBytes, m.SwapLimitBytes = none, none }),
		},
		"no swap granted": {
			files{"pod/ctr/memory.memsw.limit_in_bytes": "2000\n", "pod/memory.memsw.limit_in_bytes": "1000\n"}, inner,
			change(func(m *cgroup.Memory) { m.SwapLimitBytes = 0 }),
		},
		"memsw below memory, in the middle of a change": {
			files{"pod/ctr/memory.memsw.limit_in_bytes": "1\n"}, inner,
			change(func(m *cgroup.Memory) { m.SwapLimitBytes = 0 }),
		},
		"swap usage from memsw": {
			files{"pod/ctr/memory.stat": noTotalSwap}, inner,
			change(func(m *cgroup.Memory) { m.SwapUsageBytes = 45 }),
		},
		"memsw usage read before memory grew": {
			files{"pod/ctr/memory.stat": noTotalSwap, "pod/ctr/memory.memsw.usage_in_bytes": "399\n"}, inner,
			change(func(m *cgroup.Memory) { m.SwapUsageBytes = 0 }),
		},
		"no swap accounting": {
			files{"pod/memory.memsw.limit_in_bytes": "-", "pod/ctr/memory.memsw.limit_in_bytes": "-", "pod/ctr/app/memory.memsw.limit_in_bytes": "-",
				"pod/ctr/memory.memsw.usage_in_bytes": "-", "pod/ctr/memory.stat": noTotalSwap}, inner,
			change(func(m *cgroup.Memory) { m.SwapAccounted, m.SwapLimitBytes, m.SwapUsageBytes = false, none, 0 }),
		},
		"no kernel memory accounting": {
			files{"pod/ctr/memory.kmem.usage_in_bytes": "-"}, inner,
			change(func(m *cgroup.Memory) { m.Stat.SlabUnreclaimableBytes = 0 }),
		},
		"the root cgroup": {files{}, top, cgroup.Memory{
			MemoryLimit: cgroup.MemoryLimit{LimitBytes: none, SwapLimitBytes: none}, UsageBytes: 5000, SwapAccounted: true, SwapUsageBytes: 500,
			Stat: cgroup.MemoryStat{AnonBytes: 4000, SlabUnreclaimableBytes: 50},
		}},
	} {
		s, _ := open(t, "memory", cgrouptest.With(memoryFiles, test.changes))
		got := cgroup.Memory{UsageBytes: 99, Stat: cgroup.MemoryStat{ZswapBytes: 99}}
		if err := cgrouptest.Memory(s, test.place, false, &got); err != nil || got != test.want {
			t.Errorf("%s: error %v\ngot  %+v\nwant %+v", name, err, got, test.want)
		}
	}
}

func TestMemoryErrors(t *testing.T) {
	for file, texts := range map[string][]string{
		"pod/memory.limit_in_bytes":           {"", "-1\n", "99999999999999999999\n"},
		"pod/ctr/memory.memsw.limit_in_bytes": {"", "x\n"},
		"pod/ctr/memory.usage_in_bytes":       {"", "-5\n", "max\n"},
		"pod/ctr/memory.memsw.usage_in_bytes": {"", "1 2\n"},
		"pod/ctr/memory.kmem.usage_in_bytes":  {"", "x\n"},
		"pod/ctr/memory.stat":                 {"", "total_rss 1\ntotal_ca", "total_rss -1\n", "total_rss\n"},
	} {
		var m cgroup.Memory
		for _, text := range texts {
			s, dir := open(t, "memory", cgrouptest.With(memoryFiles, files{file: text}))
			cgrouptest.WantMalformed(t, cgrouptest.Memory(s, inner, false, &m), dir+"/"+file, text)
		}
		s, _ := open(t, "memory", cgrouptest.With(memoryFiles, files{file: "-", file + "/": ""}))
		if err := cgrouptest.Memory(s, inner, false, &m); !errors.Is(err, unix.EISDIR) || !strings.Contains(err.Error(), file) {
			t.Errorf("unreadable %s: got error %v", file, err)
		}
	}
	for _, file := range []string{"memory.usage_in_bytes", "memory.stat"} {
		var m cgroup.Memory
		s, _ := open(t, "memory", cgrouptest.With(memoryFiles, files{"pod/ctr/" + file: "-"}))
		if err := cgrouptest.Memory(s, inner, false, &m); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("no %s: got error %v", file, err)
		}
	}
	var m cgroup.Memory
	s, _ := open(t, "memory", memoryFiles)
	if err := cgrouptest.Memory(s, cgroup.Place{Leaf: "/pod/gone", Root: "/pod/gone"}, false, &m); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removed leaf: got error %v", err)
	}
}

func TestSlabinfo(t *testing.T) {
	s, _ := open(t, "memory", files{
		"pod/ctr/memory.kmem.slabinfo": "slabinfo - version: 2.1\n", "new/memory.kmem.slabinfo": "", "none/": "",
		"unreadable/memory.kmem.slabinfo/": "",
	})
	if got, err := s.Slabinfo(inner, nil); err != nil || string(got) != "slabinfo - version: 2.1\n" {
		t.Errorf("got %q, error %v", got, err)
	}
	for _, root := range []string{"/new", "/none"} {
		if got, err := s.Slabinfo(cgroup.Place{Root: root}, nil); err != nil || got != nil {
			t.Errorf("%s: got %q, error %v", root, got, err)
		}
	}
	if _, err := s.Slabinfo(cgroup.Place{Root: "/unreadable"}, nil); !errors.Is(err, unix.EISDIR) {
		t.Errorf("unreadable: got error %v", err)
	}
}
