package v2

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
	"memory.stat": "anon 999\n", // the root cgroup has memory.stat alone

	"pod/memory.max": "1000\n", "pod/memory.swap.max": "300\n",
	"pod/memory.current": "600\n", "pod/memory.swap.current": "60\n", "pod/memory.stat": "anon 6\n",

	"pod/ctr/memory.max": "2000\n", "pod/ctr/memory.swap.max": "max\n",
	"pod/ctr/memory.current": "400\n", "pod/ctr/memory.swap.current": "40\n",
	"pod/ctr/memory.stat": "anon 1\nfile 2\nfile_mapped 3\nanon_thp 4\n",

	"pod/ctr/app/memory.max": "3000\n", "pod/ctr/app/memory.swap.max": "400\n",
	"pod/ctr/app/memory.current": "200\n", "pod/ctr/app/memory.swap.current": "20\n", "pod/ctr/app/memory.stat": "anon 2\n",
}

func TestMemory(t *testing.T) {
	const none = cgroup.Unlimited
	base := cgroup.Memory{
		MemoryLimit: cgroup.MemoryLimit{LimitBytes: 1000, SwapLimitBytes: 300}, UsageBytes: 400, SwapAccounted: true, SwapUsageBytes: 40,
		Stat: cgroup.MemoryStat{AnonBytes: 1, FileBytes: 2, FileMappedBytes: 3, AnonTHPBytes: 4},
	}
	change := func(f func(*cgroup.Memory)) cgroup.Memory { m := base; f(&m); return m }
	unaccounted := change(func(m *cgroup.Memory) {
		m.SwapAccounted, m.SwapLimitBytes, m.SwapUsageBytes = false, none, 0
	})
	outer := change(func(m *cgroup.Memory) {
		m.UsageBytes, m.SwapUsageBytes, m.Stat = 600, 60, cgroup.MemoryStat{AnonBytes: 6}
	})
	nothing := cgroup.Memory{MemoryLimit: cgroup.MemoryLimit{LimitBytes: none, SwapLimitBytes: none}}
	for name, test := range map[string]struct {
		changes files
		place   cgroup.Place
		want    cgroup.Memory
	}{
		"tightest is the outermost": {place: inner, want: base},
		"tightest is the leaf's":    {files{"pod/ctr/app/memory.max": "7\n"}, inner, change(func(m *cgroup.Memory) { m.LimitBytes = 7 })},
		"limit 0":                   {files{"pod/memory.max": "0\n"}, inner, change(func(m *cgroup.Memory) { m.LimitBytes = 0 })},
		"no limits": {
			files{"pod/memory.max": "max\n", "pod/ctr/memory.max": "max\n", "pod/ctr/app/memory.max": "max\n"}, inner,
			change(func(m *cgroup.Memory) { m.LimitBytes = none }),
		},
		"controller only above the leaf": {files{"pod/ctr/app/memory.max": "-", "pod/ctr/app/memory.swap.max": "-"}, inner, base},
		"no swap accounting": {files{
			"pod/memory.swap.max": "-", "pod/ctr/memory.swap.max": "-", "pod/ctr/app/memory.swap.max": "-",
			"pod/ctr/memory.swap.current": "-",
		}, inner, unaccounted},
		"usage from the ancestor with a controller": {files{"pod/ctr/memory.current": "-"}, inner, outer},
		"no controller at all": {
			files{"pod/memory.current": "-", "pod/ctr/memory.current": "-"}, inner,
			cgroup.Memory{MemoryLimit: cgroup.MemoryLimit{LimitBytes: 1000, SwapLimitBytes: 300}},
		},
		"the root cgroup": {files{}, top, nothing},
	} {
		got := cgroup.Memory{UsageBytes: 99, Stat: cgroup.MemoryStat{ZswapBytes: 99}}
		err := cgrouptest.Memory(New(cgrouptest.Dir(t, cgrouptest.With(memoryFiles, test.changes)), cgrouptest.Files()), test.place, false, &got)
		if err != nil || got != test.want {
			t.Errorf("%s: error %v\ngot  %+v\nwant %+v", name, err, got, test.want)
		}
	}
}

func TestMemoryErrors(t *testing.T) {
	for file, texts := range map[string][]string{
		"pod/memory.max":              {"", "-1\n", "maximum\n", "99999999999999999999\n"},
		"pod/ctr/app/memory.swap.max": {"", "x\n"},
		"pod/ctr/memory.current":      {"", "-5\n", "max\n"},
		"pod/ctr/memory.swap.current": {"", "1 2\n"},
		"pod/ctr/memory.stat":         {"", "anon 1\nfi", "anon -1\n", "anon\n"},
	} {
		for _, text := range texts {
			dir := cgrouptest.Dir(t, cgrouptest.With(memoryFiles, files{file: text}))
			var m cgroup.Memory
			cgrouptest.WantMalformed(t, cgrouptest.Memory(New(dir, cgrouptest.Files()), inner, false, &m), dir+"/"+file, text)
		}
		dir := cgrouptest.Dir(t, cgrouptest.With(memoryFiles, files{file: "-", file + "/": ""}))
		var m cgroup.Memory
		if err := cgrouptest.Memory(New(dir, cgrouptest.Files()), inner, false, &m); !errors.Is(err, unix.EISDIR) || !strings.Contains(err.Error(), file) {
			t.Errorf("unreadable %s: got error %v", file, err)
		}
	}
	var m cgroup.Memory
	dir := cgrouptest.Dir(t, cgrouptest.With(memoryFiles, files{"pod/ctr/memory.stat": "-"}))
	if err := cgrouptest.Memory(New(dir, cgrouptest.Files()), inner, false, &m); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no memory.stat: got error %v", err)
	}
	gone := cgroup.Place{Leaf: "/pod/ctr/gone", Root: "/pod/ctr"}
	if err := cgrouptest.Memory(New(dir, cgrouptest.Files()), gone, false, &m); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removed leaf: got error %v", err)
	}
}
