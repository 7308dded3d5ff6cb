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
var twoOfEight = &Machine{CPUs: view.CPUs{Physical: []int{2, 5}}, OneNode: true}

// allCPUs is one that is limited in memory only.
var allCPUs = &Machine{CPUs: view.CPUs{Physical: []int{0, 1, 2, 3, 4, 5, 6, 7}, All: true}, OneNode: true}

func TestResolve(t *testing.T) {
	for path, want := range map[string]Node{
		cpu:                                  {Kind: Host, Host: cpu, Shared: true},
		cpu + "/online":                      {Kind: Host, Host: cpu + "/online", Shared: true},
		cpu + "/vulnerabilities":             {Kind: Host, Host: cpu + "/vulnerabilities", Shared: true},
		cpu + "/cpu0":                        {Kind: Host, Host: cpu + "/cpu2", Shared: true},
		cpu + "/cpu1":                        {Kind: Host, Host: cpu + "/cpu5"},
		cpu + "/cpu2":                        {},
		cpu + "/cpu5/topology":               {},
		cpu + "/cpu01":                       {Kind: Host, Host: cpu + "/cpu01", Shared: true},
		cpu + "/cpuidle":                     {Kind: Host, Host: cpu + "/cpuidle", Shared: true},
		cpu + "/cpu1/topology/core_id":       {Kind: Host, Host: cpu + "/cpu5/topology/core_id"},
		cpu + "/cpu1/cpufreq":                {Kind: Host, Host: cpu + "/cpu5/cpufreq"},
		cpu + "/cpu1/node0":                  {Kind: Link, Target: "../../node/node0"},
		cpu + "/cpu1/node1":                  {},
		cpu + "/cpu0/thermal_throttle":       {},
		cpu + "/cpu0/thermal_throttle/x":     {},
		cpu + "/cpufreq/policy5":             {},
		cpu + "/cpufreq/boost":               {Kind: Host, Host: cpu + "/cpufreq/boost"},
		node + "/node1":                      {},
		node + "/node0/cpu1":                 {Kind: Link, Target: "../../cpu/cpu1"},
		node + "/node0/cpu2":                 {},
		node + "/node0/memory7":              {},
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
		if got := Resolve(path, nil); got.Kind != Host || got.Host != path || got.Append != nil {
			t.Errorf("%s: %+v", path, got)
		}
	}
	names := []string{"cpu0", "cpu7", "node1", "policy3"}
	for _, dir := range []string{cpu, node, cpu + "/cpufreq"} {
		if got := List(dir, names, nil); !slices.Equal(got, names) {
			t.Errorf("%s: %q", dir, got)
		}
	}
}

func TestContent(t *testing.T) {
	for path, tc := range map[string]struct{ host, want string }{
		cpu + "/online":   {"0-7", "0-1"},
		cpu + "/possible": {"0-63", "0-1"},
		cpu + "/present":  {"0-7", "0-1"},
		cpu + "/offline":  {"8-63", ""},
		cpu + "/isolated": {"2", ""},
		cpu + "/cpu1/topology/core_siblings_list":  {"4-7", "1"},
		cpu + "/cpu1/topology/package_cpus_list":   {"0-7", "0-1"},
		cpu + "/cpu1/topology/thread_siblings":     {"24", "03"},
		cpu + "/cpu1/topology/core_cpus":           {"00000000,000000f0", "00000000,00000002"},
		cpu + "/cpu0/cache/index3/shared_cpu_map":  {"0f", "01"},
		cpu + "/cpu0/cache/index3/shared_cpu_list": {"0-3", "0"},
		node + "/online":                           {"0-1", "0"},
		node + "/has_memory":                       {"0-1", "0"},
		node + "/has_generic_initiator":            {"", ""},
		node + "/node0/cpulist":                    {"0-3", "0-1"},
		node + "/node0/cpumap":                     {"0f", "03"},
		node + "/node0/distance":                   {"10 21", "10"},
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

func TestBadContentIsAnError(t *testing.T) {
	for _, path := range []string{cpu + "/cpu0/cpufreq/related_cpus", cpu + "/cpu0/topology/core_cpus", cpu + "/cpu0/topology/core_cpus_list"} {
		for _, host := range []string{"xyz\n", "99999999999999999999\n", "-\n", "1,,2\n"} {
			if got, err := Resolve(path, twoOfEight).Append(nil, []byte(host), twoOfEight); err == nil {
				t.Errorf("%s of %q: %q, want an error", path, host, got)
			}
		}
	}
}

func TestList(t *testing.T) {
	host := strings.Fields("cpu0 cpu1 cpu2 cpu3 cpu4 cpu5 cpu6 cpu7 cpufreq cpuidle online")
	if got, want := List(cpu, host, twoOfEight), strings.Fields("cpufreq cpuidle online cpu0 cpu1"); !slices.Equal(got, want) {
		t.Errorf("cpu: %q, want %q", got, want)
	}
	if got := List(cpu, host, allCPUs); !slices.Equal(got, host) {
		t.Errorf("cpu with all CPUs: %q", got)
	}
	if got, want := List(cpu+"/cpu1", strings.Fields("cache node1 thermal_throttle topology"), twoOfEight), strings.Fields("cache node0 topology"); !slices.Equal(got, want) {
		t.Errorf("cpu1: %q, want %q", got, want)
	}
	if got, want := List(cpu+"/cpufreq", strings.Fields("boost policy0 policy5"), twoOfEight), []string{"boost"}; !slices.Equal(got, want) {
		t.Errorf("cpufreq: %q, want %q", got, want)
	}
	if got, want := List(node, strings.Fields("has_cpu node0 node1 online"), twoOfEight), strings.Fields("node0 has_cpu online"); !slices.Equal(got, want) {
		t.Errorf("node: %q, want %q", got, want)
	}
	if got, want := Resolve(node+"/node0", twoOfEight).Names, strings.Fields("cpulist cpumap distance meminfo cpu0 cpu1"); !slices.Equal(got, want) {
		t.Errorf("node0: %q, want %q", got, want)
	}
}

// TestListedIsResolved: every listed name is there, and has the right target.
func TestListedIsResolved(t *testing.T) {
	host := strings.Fields("cpu0 cpu1 cpu2 cpu3 cpu4 cpu5 cpu6 cpu7 node0 node1 online policy2 cpufreq")
	for _, m := range []*Machine{nil, twoOfEight, allCPUs} {
		for _, dir := range []string{cpu, cpu + "/cpu0", cpu + "/cpufreq", node} {
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
		"cpu":  slices.Concat(slices.Collect(maps.Keys(cpuFiles)), slices.Collect(maps.Keys(oneCPUFiles))),
		"node": slices.Concat(slices.Collect(maps.Keys(nodeDirFiles)), nodeFiles),
	} {
		for _, name := range names {
			if !strings.Contains(documented[dir], " "+name+" ") && !strings.Contains(documented[dir], "/"+name+" ") {
				t.Errorf("%s of %s is not documented", name, dir)
			}
		}
	}
}

func FuzzRenumber(f *testing.F) {
	f.Add([]byte("00000000,000000f0\n"), []byte("0-3,7\n"))
	f.Add([]byte("f"), []byte(""))
	f.Fuzz(func(t *testing.T, mask, list []byte) {
		for _, tc := range []struct {
			append appendFunc
			host   []byte
		}{{appendRenumberedWords, list}, {appendRenumberedMask, mask}, {appendVisibleMask, mask}, {appendRenumberedList, list}} {
			out, err := tc.append(nil, tc.host, twoOfEight)
			if err == nil && (len(out) == 0 || out[len(out)-1] != '\n') {
				t.Errorf("%q gave %q", tc.host, out)
			}
		}
	})
}
