package cgroup

import (
	"reflect"
	"testing"
)

// named stands for a version's Source; only its identity matters here.
type named struct {
	Source
	name string
}

func TestChoose(t *testing.T) {
	v1, v2 := named{name: "v1"}, named{name: "v2"}
	allV1 := []string{"memory", "cpu", "cpuset", "cpuacct", "blkio"}
	at := func(s Source, key string) Attached { return Attached{Source: s, Key: key} }
	onV1 := Hierarchies{
		Memory: at(v1, "memory"), CPU: at(v1, "cpu"), CPUSet: at(v1, "cpuset"), CPUAcct: at(v1, "cpuacct"), IO: at(v1, "blkio"),
	}
	hybrid := onV1
	hybrid.Unified = at(v2, "")
	moved := hybrid
	moved.Memory, moved.IO = at(v2, ""), at(v2, "")
	unified := at(v2, "")
	pureV2 := Hierarchies{Memory: unified, CPU: unified, CPUSet: unified, IO: unified, CPUAcct: unified, Unified: unified}
	for name, test := range map[string]struct {
		v1, v2     Source
		inV1, inV2 []string
		want       Hierarchies
	}{
		"v1":                               {v1, nil, allV1, nil, onV1},
		"hybrid, all controllers v1":       {v1, v2, allV1, []string{"hugetlb"}, hybrid},
		"hybrid, memory and io in unified": {v1, v2, []string{"cpu", "cpuset", "cpuacct"}, []string{"memory", "io"}, moved},
		"hybrid, memory nowhere":           {v1, v2, []string{"cpu"}, nil, Hierarchies{CPU: at(v1, "cpu"), CPUAcct: unified, Unified: unified}},
		"v1 without cpuset":                {v1, nil, []string{"memory"}, nil, Hierarchies{Memory: at(v1, "memory")}},
		"v2":                               {nil, v2, nil, []string{"cpuset", "cpu", "io", "memory"}, pureV2},
		"v2 without cpuset":                {nil, v2, nil, []string{"memory"}, pureV2},
		"nothing":                          {},
	} {
		if got := Choose(test.v1, test.v2, test.inV1, test.inV2); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", name, got, test.want)
		}
	}
}
