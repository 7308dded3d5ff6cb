package conformance

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/podview/podview/daemon/paths"
)

// Containers with a quota of one of two CPUs are spread over both. With an
// even chance, one CPU gets fewer than 4 of 32 once in 380000 runs.
func TestQuotasAreSpread(t *testing.T) {
	if cpus := kernel().cpuList(t, paths.CPUDir+"/online"); !slices.Contains(cpus, 0) || !slices.Contains(cpus, 1) {
		t.Skipf("needs the CPUs 0 and 1, has %v", cpus)
	}
	const starts = 32
	seen := map[string]int{}
	for range starts {
		stdout, stderr, code := demo(t, "--cpus", "1", "--cpuset", "0-1", "--", "cat", paths.CPUDir+"/online")
		if code != 0 || stdout != "0\n" && stdout != "1\n" {
			t.Fatalf("exit code %d, %q, want one of two CPUs\n%s", code, stdout, stderr)
		}
		seen[strings.TrimSpace(stdout)]++
	}
	if seen["0"] < 4 || seen["1"] < 4 {
		t.Errorf("of %d containers with a quota of one CPU, by the CPU that they were given: %v", starts, seen)
	}
}

// The CPUs that a quota leaves stay the same ones, in all files and for every
// process.
func TestChoiceOfCPUsStays(t *testing.T) {
	c := startContainer(t, limits{cpuMilli: 1000})
	files := []string{paths.CPUDir + "/online", "/proc/cpuinfo", "/proc/stat"}
	first := cpusIn(t, c.process, files)
	for i, cpus := range first {
		if len(cpus) != 1 || cpus[0] != first[0][0] {
			t.Fatalf("%s has CPUs %q, the first has %q", files[i], cpus, first[0])
		}
	}
	for deadline := time.Now().Add(2 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if now := cpusIn(t, c.process, files); !reflect.DeepEqual(now, first) {
			t.Fatalf("CPUs were %q, and then %q", first, now)
		}
	}
	if child := cpusIn(t, c.spawn(t, nil), files); !reflect.DeepEqual(child, first) {
		t.Errorf("CPUs of the init %q, of a child %q", first, child)
	}
}

// cpusIn are the CPUs of each file.
func cpusIn(t *testing.T, p *process, files []string) (all [][]string) {
	t.Helper()
	numbers := regexp.MustCompile(`(?m)^(?:cpu|processor\s*: )?(\d+)(?:\s|$)`)
	for _, file := range files {
		var cpus []string
		for _, match := range numbers.FindAllStringSubmatch(p.read(t, file), -1) {
			cpus = append(cpus, match[1])
		}
		all = append(all, cpus)
	}
	return all
}

// What sched_getaffinity(2) is made to say are the CPUs of the files.
func TestAffinityIsWhatIsOnLine(t *testing.T) {
	needSyscalls(t)
	stdout, stderr, code := demo(t, "--syscalls=affinity", "--cpus", "1", "--", "sh", "-c",
		"cat /sys/devices/system/cpu/online; taskset -pc $$ | sed 's/.*: //'")
	if words := strings.Fields(stdout); code != 0 || len(words) != 2 || words[0] != words[1] {
		t.Errorf("exit code %d, on line and the mask are %q\n%s", code, stdout, stderr)
	}
}

// A container on the second NUMA node sees it under its own number, and can
// bind to it.
func TestSecondNUMANode(t *testing.T) {
	needRoot(t)
	podviewBinary(t)
	nodes := kernel().cpuList(t, paths.NodeDir+"/has_cpu")
	if len(nodes) < 2 {
		t.Skip("needs two NUMA nodes: the VM of make conformance-programs-vm has them")
	}
	node := nodes[len(nodes)-1]
	list := strings.TrimSpace(kernel().read(t, fmt.Sprintf("%s/node%d/cpulist", paths.NodeDir, node)))
	numactl := fetched(t, "bookworm/run") + " usr/bin/numactl"
	stdout, stderr, code := demo(t, "--cpuset", list, "--memory", "256Mi", "--", "sh", "-c",
		fmt.Sprintf("lscpu && %s -H && %[1]s -N %d -m %[2]d true && grep ^processor /proc/cpuinfo && echo bound", numactl, node))
	cpus, err := parseCPUs(list)
	if err != nil {
		t.Fatal(err)
	}
	comma := strings.ReplaceAll(cpuNames(cpus), " ", ",") // lscpu's way for two
	wanted := []string{
		fmt.Sprintf(`(?m)^CPU\(s\): +%d$`, len(cpus)),
		fmt.Sprintf(`(?m)^On-line CPU\(s\) list: +(%s|%s)$`, list, comma),
		fmt.Sprintf(`(?m)^NUMA node%d CPU\(s\): +(%s|%s)$`, node, list, comma),
		fmt.Sprintf(`(?m)^node %d cpus: %s$`, node, cpuNames(cpus)),
		`(?m)^bound$`,
	}
	for _, cpu := range cpus {
		wanted = append(wanted, fmt.Sprintf(`(?m)^processor\s*: %d$`, cpu))
	}
	for _, want := range wanted {
		if !regexp.MustCompile(want).MatchString(stdout) {
			t.Errorf("no %s", want)
		}
	}
	if code != 0 || t.Failed() {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}
