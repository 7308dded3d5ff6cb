package conformance

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/podview/podview/daemon/paths"
)

var cpuinfoChecks = map[string]check{
	"the kernel's lines in its order": func(t *testing.T, p *process) {
		want := kernel().cpuinfo(t)[0].keys
		for i, s := range p.cpuinfo(t) {
			if !slices.Equal(s.keys, want) {
				t.Errorf("processor %d: lines %q, the kernel's are %q", i, s.keys, want)
			}
		}
	},
	"every file has the same CPUs": cpusAgree,
	"no sibling is missing":        siblingsExist,
	"other CPUs are off line":      otherCPUsAreOffline,
}

// cpusOf is the CPUs that the files name, by the kernel's numbers. A file that
// has others than the rest is an error, and so is a promise of the kernel's
// that is not kept.
func cpusOf(t testing.TB, p *process) (want []int) {
	t.Helper()
	for _, s := range p.cpuinfo(t) {
		want = append(want, int(number(t, s.values["processor"])))
	}
	got := map[string][]int{}
	for _, cpu := range p.stat(t).cpus {
		got["/proc/stat"] = append(got["/proc/stat"], cpu.number)
	}
	for _, list := range []string{"online", "present"} {
		got[list] = p.cpuList(t, paths.CPUDir+"/"+list)
	}
	for _, cpu := range cpuDirs(t, p) {
		if _, errno := p.mode(t, fmt.Sprintf("%s/cpu%d/topology", paths.CPUDir, cpu)); errno == 0 {
			got["topology"] = append(got["topology"], cpu)
		}
	}
	for file, cpus := range got {
		if !slices.Equal(cpus, want) {
			t.Errorf("%s has CPUs %v, cpuinfo has %v", file, cpus, want)
		}
	}
	if kernels := cpuDirs(t, kernel()); !slices.Equal(cpuDirs(t, p), kernels) {
		t.Errorf("directories of CPUs %v, the kernel's %v", cpuDirs(t, p), kernels)
	}
	for _, promise := range []string{"possible", "kernel_max"} {
		if got, kernels := p.read(t, paths.CPUDir+"/"+promise), kernel().read(t, paths.CPUDir+"/"+promise); got != kernels {
			t.Errorf("%s is %q, the kernel's is %q", promise, got, kernels)
		}
	}
	return want
}

func cpuDirs(t testing.TB, p *process) (cpus []int) {
	t.Helper()
	for _, e := range p.readDir(t, paths.CPUDir) {
		if n, err := strconv.Atoi(strings.TrimPrefix(e.Name, "cpu")); err == nil && strings.HasPrefix(e.Name, "cpu") {
			cpus = append(cpus, n)
		}
	}
	slices.Sort(cpus)
	return cpus
}

// otherCPUsAreOffline: as the kernel shows them, but for what programs read by
// name.
func otherCPUsAreOffline(t *testing.T, p *process) {
	online := p.cpuList(t, paths.CPUDir+"/online")
	offline := p.cpuList(t, paths.CPUDir+"/offline")
	for _, cpu := range kernel().cpuList(t, paths.CPUDir+"/possible") {
		if slices.Contains(online, cpu) == slices.Contains(offline, cpu) {
			t.Errorf("CPU %d: on line are %v, off line %v", cpu, online, offline)
		}
	}
	for _, cpu := range cpuDirs(t, p) {
		dir := fmt.Sprintf("%s/cpu%d", paths.CPUDir, cpu)
		if slices.Contains(online, cpu) {
			continue
		}
		if got := p.read(t, dir+"/online"); got != "0\n" {
			t.Errorf("%s/online: %q", dir, got)
		}
		for _, e := range kernel().readDir(t, dir) {
			_, errno := p.mode(t, dir+"/"+e.Name)
			if gone := e.Name == "topology" || e.Name == "thermal_throttle"; gone != (errno == syscall.ENOENT) {
				t.Errorf("%s/%s of a CPU that is not on line: %v", dir, e.Name, errno)
			}
		}
	}
}

func cpusAgree(t *testing.T, p *process) {
	cpus := cpusOf(t, p)
	var ofNodes []int
	for _, n := range p.cpuList(t, paths.NodeDir+"/online") {
		ofNodes = append(ofNodes, p.cpuList(t, fmt.Sprintf("%s/node%d/cpulist", paths.NodeDir, n))...)
	}
	slices.Sort(ofNodes)
	if !slices.Equal(ofNodes, cpus) {
		t.Errorf("the nodes have CPUs %v, cpuinfo has %v", ofNodes, cpus)
	}
}

// siblingsExist: lscpu and hwloc follow the topology to other CPUs.
func siblingsExist(t *testing.T, p *process) {
	online := p.cpuList(t, paths.CPUDir+"/online")
	for _, cpu := range online {
		dir := fmt.Sprintf("%s/cpu%d/topology/", paths.CPUDir, cpu)
		for _, list := range []string{"thread_siblings_list", "core_siblings_list", "core_cpus_list", "package_cpus_list"} {
			if _, errno := p.mode(t, dir+list); errno == syscall.ENOENT {
				continue // an older kernel
			}
			siblings := p.cpuList(t, dir+list)
			if !slices.Contains(siblings, cpu) {
				t.Errorf("%s%s: %v is without the CPU itself", dir, list, siblings)
			}
			for _, s := range siblings {
				if !slices.Contains(online, s) {
					t.Errorf("%s%s has CPU %d, online are %v", dir, list, s, online)
				}
			}
		}
	}
	for _, s := range p.cpuinfo(t) {
		for _, key := range []string{"siblings", "cpu cores"} {
			if text := s.values[key]; text != "" && number(t, text) > uint64(len(online)) {
				t.Errorf("cpuinfo: %s: %s with %d CPUs", key, text, len(online))
			}
		}
	}
}

func TestCPUCount(t *testing.T) {
	host := len(kernel().cpuinfo(t))
	for _, test := range []struct {
		name string
		limits
		want int
	}{
		{"neither", limits{}, host},
		{"half a CPU", limits{cpuMilli: 500}, 1},
		{"quota 1", limits{cpuMilli: 1000}, 1},
		{"quota 1.5", limits{cpuMilli: 1500}, min(2, host)},
		{"quota above the host", limits{cpuMilli: 1000 * (host + 3)}, host},
		{"cpuset", limits{cpuset: "0"}, 1},
		{"cpuset without CPU 0", limits{cpuset: strconv.Itoa(host - 1)}, 1},
		{"cpuset is tighter", limits{cpuset: "0", cpuMilli: 2000}, 1},
		{"quota is tighter", limits{cpuset: fmt.Sprintf("0-%d", host-1), cpuMilli: 1000}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := startContainer(t, test.limits)
			if got := len(cpusOf(t, c.process)); got != test.want {
				t.Errorf("%d CPUs, want %d", got, test.want)
			}
			checkPrograms(t, c, test.want)
		})
	}
}

// checkPrograms: what glibc finds in the files.
func checkPrograms(t *testing.T, c *container, want int) {
	t.Helper()
	getconf := needProgram(t, "getconf")
	if got := c.run(t, getconf, "_NPROCESSORS_ONLN"); got != fmt.Sprintln(want) {
		t.Errorf("getconf _NPROCESSORS_ONLN prints %q, want %d", got, want)
	}
	possible := len(kernel().cpuList(t, paths.CPUDir+"/possible"))
	if got := c.run(t, getconf, "_NPROCESSORS_CONF"); got != fmt.Sprintln(possible) {
		t.Errorf("getconf _NPROCESSORS_CONF prints %q, the machine's is %d", got, possible)
	}
}

// TestCPUNumbersAreTheKernels: a cpuset names the CPUs that are shown.
func TestCPUNumbersAreTheKernels(t *testing.T) {
	last := len(kernel().cpuinfo(t)) - 1
	c := startContainer(t, limits{cpuset: strconv.Itoa(last)})
	if got := cpusOf(t, c.process); !slices.Equal(got, []int{last}) {
		t.Errorf("a cpuset of CPU %d shows %v", last, got)
	}
}

// TestQuotasSpread: containers with a quota below the cpuset are not all shown
// the same CPU, but each one always is. One false alarm in two million.
func TestQuotasSpread(t *testing.T) {
	if len(kernel().cpuinfo(t)) < 2 {
		t.Skip("needs two CPUs")
	}
	shown := map[int]int{}
	for range 22 {
		c := startContainer(t, limits{cpuMilli: 1000})
		first, again := cpusOf(t, c.process), cpusOf(t, c.process)
		if len(first) != 1 || !slices.Equal(first, again) {
			t.Fatalf("first %v, then %v", first, again)
		}
		shown[first[0]]++
	}
	if t.Logf("containers by CPU: %v", shown); len(shown) < 2 {
		t.Errorf("22 containers of one CPU are all shown %v", shown)
	}
}

func TestCPUChoiceFirst(t *testing.T) {
	s := privateServe(t, "--cpu-choice=first")
	for range 8 {
		c := startIn(t, newGroup(t, podPath()+"/"+ctrName("c"), limits{cpuMilli: 1000}), s.dir)
		if got := cpusOf(t, c.process); !slices.Equal(got, []int{0}) {
			t.Errorf("the first CPU is %v", got)
		}
	}
}

func TestCPUQuotaOfPodIsTighter(t *testing.T) {
	pod := podPath()
	newGroup(t, pod, limits{cpuMilli: 1000})
	c := startIn(t, newGroup(t, pod+"/"+ctrName("c"), limits{}), viewDir(t))
	if got := len(cpusOf(t, c.process)); got != 1 {
		t.Errorf("%d CPUs, the pod has a quota of 1", got)
	}
}

func TestCPUQuotaChangesLive(t *testing.T) {
	c := startContainer(t, limits{cpuMilli: 1000})
	for _, step := range []struct {
		limits
		want int
	}{{limits{cpuMilli: 1000}, 1}, {limits{cpuMilli: 2000}, 2}, {limits{cpuset: "0"}, 1}, {limits{}, 2}, {limits{cpuMilli: 500}, 1}} {
		c.group.set(t, step.limits)
		want := min(step.want, len(kernel().cpuinfo(t)))
		if got := len(cpusOf(t, c.process)); got != want {
			t.Errorf("%+v: %d CPUs, want %d", step.limits, got, want)
		}
	}
}

func TestCPUViewCpuset(t *testing.T) {
	s := privateServe(t, "--cpu-view=cpuset")
	for name, test := range map[string]struct {
		limits
		want int
	}{
		"quota":  {limits{cpuMilli: 500}, len(kernel().cpuinfo(t))},
		"cpuset": {limits{cpuset: "0", cpuMilli: 500}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			c := startIn(t, newGroup(t, podPath()+"/"+ctrName("c"), test.limits), s.dir)
			if got := len(cpusOf(t, c.process)); got != test.want {
				t.Errorf("%d CPUs, want %d", got, test.want)
			}
		})
	}
}

// run runs a program in the container and returns what it prints.
func (p *process) run(t testing.TB, argv ...string) string {
	t.Helper()
	var out Output
	p.call(t, "Run", argv, &out)
	if out.Code != 0 {
		t.Fatalf("%q: exit code %d\n%s%s", argv, out.Code, out.Stdout, out.Stderr)
	}
	return out.Stdout
}
