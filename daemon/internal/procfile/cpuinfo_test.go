package procfile

import (
	"strconv"
	"strings"
	"testing"

	"github.com/podview/podview/daemon/internal/view"
)

// x86 is a stanza; every physical package here has 4 CPUs in 2 cores.
func x86(processor, physicalID, siblings, coreID, cores int) string {
	return "processor\t: " + strconv.Itoa(processor) + "\nmodel name\t: CPU at 2: 4 GHz\nphysical id\t: " +
		strconv.Itoa(physicalID) + "\nsiblings\t: " + strconv.Itoa(siblings) + "\ncore id\t\t: " + strconv.Itoa(coreID) +
		"\ncpu cores\t: " + strconv.Itoa(cores) + "\npower management:\n\n"
}

// As Linux numbers two packages of two cores of two threads.
var hostX86 = x86(0, 0, 4, 0, 2) + x86(1, 0, 4, 1, 2) + x86(2, 1, 4, 0, 2) + x86(3, 1, 4, 1, 2) +
	x86(4, 0, 4, 0, 2) + x86(5, 0, 4, 1, 2) + x86(6, 1, 4, 0, 2) + x86(7, 1, 4, 1, 2)

const (
	hostARM64 = "processor\t: 0\nBogoMIPS\t: 50.00\nCPU part\t: 0xd0c\n\n" +
		"processor\t: 1\nBogoMIPS\t: 50.00\nCPU part\t: 0xd0d\n\n"
	hostARM = "processor\t: 0\nmodel name\t: ARMv7\n\nprocessor\t: 1\nmodel name\t: ARMv7\n\n" +
		"Hardware\t: BCM2835\nRevision\t: a02082\n"
	hostS390 = "vendor_id       : IBM/S390\n# processors    : 2\n\nprocessor 0: version = FF\nprocessor 1: version = FF\n\n"
)

func TestCPUInfo(t *testing.T) {
	for name, test := range map[string]struct {
		host  string
		shown []int
		want  string
	}{
		"two threads of a core":  {hostX86, []int{0, 4}, x86(0, 0, 2, 0, 1) + x86(4, 0, 2, 0, 1)},
		"two cores of a package": {hostX86, []int{0, 1}, x86(0, 0, 2, 0, 2) + x86(1, 0, 2, 1, 2)},
		"two packages":           {hostX86, []int{1, 3, 7}, x86(1, 0, 1, 1, 1) + x86(3, 1, 2, 1, 1) + x86(7, 1, 2, 1, 1)},
		"all of them by number":  {hostX86, []int{0, 1, 2, 3, 4, 5, 6, 7}, hostX86},
		"arm64":                  {hostARM64, []int{1}, "processor\t: 1\nBogoMIPS\t: 50.00\nCPU part\t: 0xd0d\n\n"},
		"arm keeps its last stanza": {hostARM, []int{1},
			"processor\t: 1\nmodel name\t: ARMv7\n\nHardware\t: BCM2835\nRevision\t: a02082\n"},
		"empty value": {"processor\t: 3\nphysical id\t: 0\nsiblings\t:\ncore id\t: 0\n\n", []int{3},
			"processor\t: 3\nphysical id\t: 0\nsiblings\t: 1\ncore id\t: 0\n\n"},
		"no core ids": {"processor\t: 3\nphysical id\t: 0\nsiblings\t: 8\n\n", []int{3},
			"processor\t: 3\nphysical id\t: 0\nsiblings\t: 8\n\n"},
	} {
		c := &view.Container{CPUs: view.CPUs{Shown: test.shown}}
		if out := mustAppend(t, &cpuinfo, test.host, c); out != test.want {
			t.Errorf("%s: got\n%s", name, out)
		}
	}
}

func TestCPUInfoOfAllIsTheHosts(t *testing.T) {
	for _, host := range []string{hostX86, hostS390, string(recorded(t, cpuinfoPath))} {
		c := &view.Container{CPUs: view.CPUs{Shown: []int{0, 1}, All: true}}
		if out := mustAppend(t, &cpuinfo, host, c); out != host {
			t.Errorf("got\n%s", out)
		}
	}
}

func TestCPUInfoMissingStanza(t *testing.T) {
	for name, test := range map[string]struct {
		host  string
		shown []int
	}{
		"not there":       {hostX86, []int{0, 8}},
		"s390x":           {hostS390, []int{0}},
		"no CPU":          {hostX86, nil},
		"not ascending":   {hostX86, []int{4, 0}},
		"negative":        {"processor\t: -1\n\n", []int{0}},
		"huge":            {"processor\t: 99999999999999999999\n\n", []int{0}},
		"negative wanted": {"processor\t: x\n\n", []int{-2}},
	} {
		out, err := cpuinfo.Append(nil, []byte(test.host), &view.Container{CPUs: view.CPUs{Shown: test.shown}})
		if err == nil || !strings.Contains(err.Error(), cpuinfoPath) {
			t.Errorf("%s: %q, error %v", name, out, err)
		}
	}
}
