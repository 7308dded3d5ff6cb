package sysfile

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/podview/podview/daemon/internal/procfile"
	"github.com/podview/podview/daemon/internal/view"
)

const (
	cpu  = "/sys/devices/system/cpu"
	node = "/sys/devices/system/node"
)

// twoOfEight is a container on CPUs 2 and 5 of a two-node host.
var twoOfEight = &Machine{CPUs: view.CPUs{Shown: []int{2, 5}}, Online: eight}

// allCPUs is one that is limited in memory only.
var allCPUs = &Machine{CPUs: view.CPUs{Shown: eight, All: true}, Online: eight}

var eight = []int{0, 1, 2, 3, 4, 5, 6, 7}

func TestResolve(t *testing.T) {
	for path, want := range map[string]Node{
		cpu:                                  {Kind: Host, Host: cpu, Shared: true},
		cpu + "/online":                      {Kind: Host, Host: cpu + "/online", Shared: true},
		cpu + "/vulnerabilities":             {Kind: Host, Host: cpu + "/vulnerabilities", Shared: true},
		cpu + "/cpu0":                        {Kind: Host, Host: cpu + "/cpu0", Shared: true},
		cpu + "/cpu1":                        {Kind: Host, Host: cpu + "/cpu1"},
		cpu + "/cpu2":                        {Kind: Host, Host: cpu + "/cpu2"},
		cpu + "/cpu01":                       {Kind: Host, Host: cpu + "/cpu01", Shared: true},
		cpu + "/cpuidle":                     {Kind: Host, Host: cpu + "/cpuidle", Shared: true},
		cpu + "/cpu5/topology/core_id":       {Kind: Host, Host: cpu + "/cpu5/topology/core_id"},
		cpu + "/cpu5/online":                 {Kind: Host, Host: cpu + "/cpu5/online"},
		cpu + "/cpu5/cpufreq":                {Kind: Host, Host: cpu + "/cpu5/cpufreq"},
		cpu + "/cpu5/node1":                  {Kind: Host, Host: cpu + "/cpu5/node1"},
		cpu + "/cpu0/topology":               {},
		cpu + "/cpu0/topology/core_id":       {},
		cpu + "/cpu0/online":                 {Kind: File},
		cpu + "/cpu0/cache/index0/size":      {Kind: Host, Host: cpu + "/cpu0/cache/index0/size"},
		cpu + "/cpu0/cpufreq":                {Kind: Host, Host: cpu + "/cpu0/cpufreq"},
		cpu + "/cpu0/thermal_throttle":       {},
		cpu + "/cpu5/thermal_throttle/x":     {},
		cpu + "/cpufreq/policy5":             {Kind: Host, Host: cpu + "/cpufreq/policy5"},
		cpu + "/cpufreq/boost":               {Kind: Host, Host: cpu + "/cpufreq/boost"},
		node + "/node1":                      {Kind: Host, Host: node + "/node1"},
		node + "/node1/meminfo":              {Kind: Host, Host: node + "/node1/meminfo", Meminfo: true, NUMANode: 1},
		node + "/node1/numastat":             {Kind: Host, Host: node + "/node1/numastat"},
		node + "/node0/cpu1":                 {Kind: Host, Host: node + "/node0/cpu1"},
		node + "/power":                      {Kind: Host, Host: node + "/power", Shared: true},
		"/sys/devices/system/memory":         {},
		"/sys/devices/system/cpufreq/online": {},
	} {
		got := Resolve(path, twoOfEight)
		got.Append = nil
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s\n got %+v\nwant %+v", path, got, want)
		}
	}
}

func TestTheHostSeesItself(t *testing.T) {
	for _, path := range []string{cpu + "/cpu7", cpu + "/online", node + "/node1/meminfo", cpu + "/cpu5/node1"} {
		if got := Resolve(path, nil); got.Kind != Host || got.Host != path || got.Append != nil || got.Meminfo {
			t.Errorf("%s: %+v", path, got)
		}
	}
	names := []string{"cpu0", "cpu7", "node1", "policy3", "topology", "thermal_throttle"}
	for _, dir := range []string{cpu, node, cpu + "/cpufreq", cpu + "/cpu0"} {
		if got := List(dir, names, nil); !slices.Equal(got, names) {
			t.Errorf("%s: %q", dir, got)
		}
	}
}

func TestContent(t *testing.T) {
	for path, tc := range map[string]struct{ host, want string }{
		cpu + "/online":                            {"0-7", "2,5"},
		cpu + "/present":                           {"0-7", "2,5"},
		cpu + "/enabled":                           {"0-7", "2,5"},
		cpu + "/offline":                           {"8-63", "0-1,3-4,6-63"},
		cpu + "/cpu0/online":                       {"", "0"},
		cpu + "/cpu5/topology/core_siblings_list":  {"4-7", "5"},
		cpu + "/cpu5/topology/package_cpus_list":   {"0-7", "2,5"},
		cpu + "/cpu5/topology/thread_siblings":     {"24", "24"},
		cpu + "/cpu5/topology/core_cpus":           {"00000000,000000f0", "00000000,00000020"},
		cpu + "/cpu2/cache/index3/shared_cpu_map":  {"0f", "04"},
		cpu + "/cpu2/cache/index3/shared_cpu_list": {"0-3", "2"},
		cpu + "/cpufreq/policy4/affected_cpus":     {"4 5 6 7", "5"},
		cpu + "/cpufreq/policy0/affected_cpus":     {"0 1", "0 1"},
		node + "/node0/cpulist":                    {"0-1", ""},
		node + "/node1/cpulist":                    {"2-7", "2,5"},
		node + "/node1/cpumap":                     {"fc", "24"},
		node + "/has_cpu":                          {"0-1", "0-1"}, // nothing known of the topology
	} {
		n := Resolve(path, twoOfEight)
		if n.Append == nil {
			t.Errorf("%s shows the host's", path)
			continue
		}
		got, err := n.Append(nil, []byte(tc.host+"\n"), twoOfEight)
		if err != nil || string(got) != tc.want+"\n" {
			t.Errorf("%s: %q, %v; want %q", path, got, err, tc.want)
		}
	}
}

// TestPromisesAreTheHosts: what programs size arrays by, and what the kernel
// has beside the lists of CPUs.
func TestPromisesAreTheHosts(t *testing.T) {
	for _, path := range []string{
		cpu + "/possible", cpu + "/kernel_max", cpu + "/isolated", cpu + "/nohz_full", cpu + "/cpu0/cache/index0/shared_cpu_map",
		cpu + "/cpufreq/policy0/related_cpus", node + "/possible", node + "/online", node + "/has_memory", node + "/node0/distance", node + "/node1/numastat",
	} {
		if n := Resolve(path, twoOfEight); n.Kind != Host || n.Host != path || n.Append != nil {
			t.Errorf("%s: %+v, want the host's", path, n)
		}
	}
}

func TestNodesWithCPUs(t *testing.T) {
	m := *twoOfEight
	m.Order = view.NewOrder([]view.CPUTopology{{Number: 2, Node: 1}, {Number: 5, Node: 3}, {Number: 0, Node: 0}})
	got, err := Resolve(node+"/has_cpu", &m).Append(nil, []byte("0-3\n"), &m)
	if err != nil || string(got) != "1,3\n" {
		t.Errorf("has_cpu: %q, %v; want 1,3", got, err)
	}
}

func TestBadContentIsAnError(t *testing.T) {
	for _, path := range []string{cpu + "/cpufreq/policy0/affected_cpus", cpu + "/cpu2/topology/core_cpus", cpu + "/cpu2/topology/core_cpus_list", cpu + "/offline", node + "/has_cpu"} {
		for _, host := range []string{"xyz\n", "99999999999999999999\n", "-\n", "1,,2\n"} {
			if got, err := Resolve(path, twoOfEight).Append(nil, []byte(host), twoOfEight); err == nil {
				t.Errorf("%s of %q: %q, want an error", path, host, got)
			}
		}
	}
}

func TestList(t *testing.T) {
	for _, dir := range []string{cpu, cpu + "/cpufreq", node, node + "/node0"} {
		names := strings.Fields("cpu0 cpu1 cpu7 node0 policy5 online meminfo")
		if got := List(dir, names, twoOfEight); !slices.Equal(got, names) {
			t.Errorf("%s: %q, want all", dir, got)
		}
	}
	names := strings.Fields("cache node1 thermal_throttle topology")
	for dir, want := range map[string]string{"/cpu5": "cache node1 topology", "/cpu1": "cache node1 online"} {
		if got := List(cpu+dir, names, twoOfEight); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s: %q, want %q", dir, got, want)
		}
	}
	if got, want := List(cpu+"/cpu1", names, allCPUs), strings.Fields("cache node1 topology"); !slices.Equal(got, want) {
		t.Errorf("cpu1 of all: %q, want %q", got, want)
	}
}

// TestListedIsResolved: every listed name is there.
func TestListedIsResolved(t *testing.T) {
	host := strings.Fields("cpu0 cpu1 cpu2 cpu3 cpu4 cpu5 cpu6 cpu7 node0 node1 online policy2 cpufreq topology thermal_throttle")
	for _, m := range []*Machine{nil, twoOfEight, allCPUs} {
		for _, dir := range []string{cpu, cpu + "/cpu0", cpu + "/cpu2", cpu + "/cpufreq", node} {
			for _, name := range List(dir, host, m) {
				if Resolve(dir+"/"+name, m).Kind == Absent {
					t.Errorf("%s lists %s, which is not there (%+v)", dir, name, m)
				}
			}
		}
	}
}

// TestEveryFileIsDocumented: docs/view.md has what is not the host's.
func TestEveryFileIsDocumented(t *testing.T) {
	documented := map[string]string{}
	for dir, fields := range map[string][]procfile.Field{"cpu": CPUFields, "node": NodeFields} {
		for _, f := range fields {
			documented[dir] += " " + strings.ReplaceAll(f.Name, ",", " ") + " "
		}
	}
	for dir, names := range map[string][]string{
		"cpu":  slices.Concat(slices.Collect(maps.Keys(cpuFiles)), slices.Collect(maps.Keys(oneCPUFiles)), slices.Collect(maps.Keys(policyFiles))),
		"node": slices.Concat(slices.Collect(maps.Keys(nodeDirFiles)), slices.Collect(maps.Keys(nodeFiles))),
	} {
		for _, name := range names {
			if !strings.Contains(documented[dir], " "+name+" ") && !strings.Contains(documented[dir], "/"+name+" ") {
				t.Errorf("%s of %s is not documented", name, dir)
			}
		}
	}
}

func FuzzContent(f *testing.F) {
	f.Add([]byte("00000000,000000f0\n"), []byte("0-3,7\n"))
	f.Add([]byte("f"), []byte(""))
	f.Fuzz(func(t *testing.T, mask, list []byte) {
		for _, tc := range []struct {
			append appendFunc
			host   []byte
		}{{appendShownWords, append(list, '\n')}, {appendShownMask, mask}, {appendShownOf, list}, {appendOffline, list}, {appendNodesOfShown, append(list, '\n')}} {
			out, err := tc.append(nil, tc.host, twoOfEight)
			if err == nil && (len(out) == 0 || out[len(out)-1] != '\n') {
				t.Errorf("%q gave %q", tc.host, out)
			}
		}
	})
}
