package demo

import (
	"errors"
	"flag"
	"reflect"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, test := range []struct {
		args []string
		want config
	}{
		{[]string{"--", "free", "-m"}, config{command: []string{"free", "-m"}}},
		{[]string{"free", "--memory", "1"}, config{command: []string{"free", "--memory", "1"}}},
		{[]string{"--memory", "256Mi", "--cpus", "1", "--", "top"},
			config{memoryBytes: 256 << 20, milliCPUs: 1000, command: []string{"top"}}},
		{[]string{"--memory=1G", "--swap=0", "--cpus=500m", "--cpuset=0-2,5", "--view=/v", "--", "true"},
			config{memoryBytes: 1e9, swapSet: true, milliCPUs: 500, cpuset: "0-2,5", viewDir: "/v", command: []string{"true"}}},
		{[]string{"--syscalls=sysinfo,affinity", "nproc"}, config{syscalls: "sysinfo,affinity", command: []string{"nproc"}}},
		{[]string{"--swap", "1Mi", "--memory", "1Mi", "true"},
			config{memoryBytes: 1 << 20, swapBytes: 1 << 20, swapSet: true, command: []string{"true"}}},
	} {
		if got, err := parse(test.args); err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("parse(%q) = %+v, %v; want %+v", test.args, got, err, test.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, test := range []struct{ args, why string }{
		{"", "no command"},
		{"--memory 1Gi", "no command"},
		{"--memory 1Gi --", "no command"},
		{"--memory 12Q -- true", `"12Q"`},
		{"--memory 0 -- true", `"0"`},
		{"--memory -1 -- true", `"-1"`},
		{"--syscalls uname -- true", `"uname"`},
		{"--syscalls sysinfo --view /v -- true", "own view"},
		{"--cpus 1,5 -- true", `"1,5"`},
		{"--cpus 0 -- true", `"0"`},
		{"--cpus 8E -- true", `"8E"`},
		{"--cpus 1P -- true", "more than a quota"},
		{"--swap x -- true", `"x"`},
		{"--swap 1G -- true", "--swap needs --memory"},
		{"--memory 5Ei --swap 5Ei -- true", "together"},
		{"--cpuset 2-1 -- true", `"2-1"`},
		{"--cpuset 0, -- true", `"0,"`},
		{"--cpuset 0-a -- true", `"0-a"`},
		{"--cpuset 99999 -- true", `"99999"`},
		{"--view", "argument"},
		{"--memroy 1G -- true", "memroy"},
	} {
		got, err := parse(strings.Fields(test.args))
		if err == nil || !strings.Contains(err.Error(), test.why) {
			t.Errorf("parse(%q) = %+v, error %v; want an error with %q", test.args, got, err, test.why)
		}
	}
}

func TestParseHelp(t *testing.T) {
	if _, err := parse([]string{"--help"}); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("error %v, want flag.ErrHelp", err)
	}
}

func TestUsageNamesEveryFlag(t *testing.T) {
	for _, name := range []string{"memory", "cpus", "swap", "cpuset", "view"} {
		if _, err := parse([]string{"--" + name}); err == nil || !strings.Contains(err.Error(), "needs an argument") {
			t.Errorf("--%s alone: error %v; is it a flag still?", name, err)
		}
		if !strings.Contains(usageText, "\n  --"+name+" ") {
			t.Errorf("the usage does not have --%s", name)
		}
	}
}
