package detect

import (
	"slices"
	"strings"
	"testing"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/cgroup/cgrouptest"
	"github.com/podview/podview/daemon/internal/host"
)

type files = map[string]string

var (
	v1Files = files{
		"memory/cgroup.procs": "", "cpuset/cgroup.procs": "", "blkio/cgroup.procs": "", "cpu,cpuacct/cgroup.procs": "",
		"memory/memory.limit_in_bytes": "1\n", "systemd/cgroup.procs": "",
		"memory/pod/memory.limit_in_bytes": "1000\n", "memory/pod/memory.usage_in_bytes": "1\n", "memory/pod/memory.stat": "total_rss 1\n",
	}
	v2Files = files{
		"cgroup.controllers": "cpuset cpu io memory\n", "pod/memory.max": "2000\n",
	}
	unified = files{"unified/cgroup.controllers": "hugetlb\n", "unified/cpu.stat": "user_usec 1\nsystem_usec 1\n", "unified/pod/": ""}
	none    = files{"somewhere/file": ""}
)

// The keys tell the version: v1's are the controllers' names.
func TestOpen(t *testing.T) {
	keysV1 := []string{"memory", "cpu", "cpuset", "cpuacct", "blkio"}
	keysV2 := []string{"unified", "unified", "unified", "unified", "unified"}
	hybrid := cgrouptest.With(v1Files, unified)
	for name, test := range map[string]struct {
		files    files
		mode     string
		want     string
		keys     []string
		pressure bool
		limit    uint64 // of /pod
		err      string
	}{
		"v1":               {files: v1Files, mode: "auto", want: "v1", keys: keysV1, limit: 1000},
		"v1 forced":        {files: v1Files, mode: "v1", want: "v1", keys: keysV1, limit: 1000},
		"v2":               {files: v2Files, mode: "auto", want: "v2", keys: keysV2, pressure: true, limit: 2000},
		"v2 forced":        {files: v2Files, mode: "v2", want: "v2", keys: keysV2, pressure: true, limit: 2000},
		"hybrid":           {files: hybrid, mode: "auto", want: "hybrid", keys: keysV1, pressure: true, limit: 1000},
		"hybrid forced v1": {files: hybrid, mode: "v1", want: "v1", keys: keysV1, limit: 1000},
		"hybrid forced v2": {files: hybrid, mode: "v2", want: "v2", keys: keysV2, pressure: true, limit: cgroup.Unlimited},
		"v2 forced on v1":  {files: v1Files, mode: "v2", err: "no cgroup v2 there, but v1"},
		"v1 forced on v2":  {files: v2Files, mode: "v1", err: "no cgroup v1 there, but v2"},
		"unknown mode":     {files: v1Files, mode: "v3", err: `cgroup mode "v3"`},
		"nothing":          {files: none, mode: "auto", err: "no cgroup hierarchy"},
		"not mounted":      {files: files{"memory/": "", "cpu/": ""}, mode: "auto", err: "no cgroup hierarchy"},
	} {
		t.Run(name, func(t *testing.T) {
			h, got, err := Open(host.Root{Cgroup: cgrouptest.Dir(t, test.files)}, test.mode, cgrouptest.Files())
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("got error %v, want %q in it", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got != test.want || !slices.Equal(keys(h), test.keys) || (h.Unified.Source != nil) != test.pressure {
				t.Errorf("got %s with keys %v and pressure from %v", got, keys(h), h.Unified.Source)
			}
			var m cgroup.Memory
			if err := cgrouptest.Memory(h.Memory.Source, cgroup.Place{Leaf: "/pod", Root: "/pod"}, false, &m); err != nil || m.LimitBytes != test.limit {
				t.Errorf("limit of /pod: got %d, error %v, want %d", m.LimitBytes, err, test.limit)
			}
		})
	}
}

func keys(h cgroup.Hierarchies) (keys []string) {
	for _, a := range []cgroup.Attached{h.Memory, h.CPU, h.CPUSet, h.CPUAcct, h.IO} {
		switch {
		case a.Source == nil:
			keys = append(keys, "none")
		case a.Key == "":
			keys = append(keys, "unified")
		default:
			keys = append(keys, a.Key)
		}
	}
	return keys
}
